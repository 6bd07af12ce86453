import { labExec } from '../../lab/lab.js';
import { on } from './hosts.js';
import { until } from './until.js';

/** Version 2 adverts of priority 100 to 224.0.0.18, twice a second, for a minute at most. Arguments: VRID, address. */
const SPEAK = `
import os, socket, struct, sys, time
vrid, address = int(sys.argv[1]), socket.inet_aton(sys.argv[2])
def advert(checksum):
    return struct.pack("!BBBBBBH", 0x21, vrid, 100, 1, 0, 1, checksum) + address + bytes(8)
total = sum(struct.unpack("!10H", advert(0)))
checksum = ~((total & 0xffff) + (total >> 16)) & 0xffff
mouth = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
open("/run/speaker.pid", "w").write(str(os.getpid()))
end = time.time() + 60
while time.time() < end:
    mouth.sendto(advert(checksum), ("224.0.0.18", 0))
    time.sleep(0.5)
`;

/** Lets the client speak VRRP while `work` goes on. */
export async function withForeignSpeaker<T>(
  vrid: number,
  address: string,
  work: () => Promise<T>,
): Promise<T> {
  const program = Buffer.from(SPEAK).toString('base64');
  const command = `python3 -c "import base64; exec(base64.b64decode('${program}'))" ${vrid} ${address}`;
  const speaker = labExec('client', `rm -f /run/speaker.pid; ${command}`, { timeoutMs: 70_000 });
  await until(
    'the foreign speaker speaks',
    async () => (await on('client', 'cat /run/speaker.pid')) || undefined,
  );
  try {
    return await work();
  } finally {
    await on('client', 'kill "$(cat /run/speaker.pid)"; rm -f /run/speaker.pid');
    await speaker;
  }
}
