/** Clients that keep their connections open, each with a request every tenth of a second. */
import { on } from './hosts.js';

export interface KeptAlive {
  readonly answers: number;
  /** Answers that asked the client to close its connection. */
  readonly closes: number;
  /** Connections that ended without having been asked to. */
  readonly broken: readonly string[];
}

/** How many of them; enough to be seen, and nothing to a machine that is busy. */
export const KEPT_ALIVE = 4;

const PROGRAM = `
import http.client, json, os, sys, threading, time
address, flag = sys.argv[1:]
end = time.monotonic() + 60
answers, closes, broken = [], [], []
def client():
    connection = None
    while not os.path.exists(flag) and time.monotonic() < end:
        try:
            if connection is None:
                connection = http.client.HTTPConnection(address, 80, timeout=3)
                connection.connect()
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            answers.append(answer.status)
            if answer.getheader("connection", "") == "close":
                closes.append(1)
                connection.close()
                connection = None
        except Exception as error:
            broken.append(type(error).__name__ + " " + str(error))
            connection = None
        time.sleep(0.1)
threads = [threading.Thread(target=client) for _ in range(${KEPT_ALIVE})]
for it in threads: it.start()
for it in threads: it.join()
print(json.dumps({"answers": len(answers), "closes": len(closes), "broken": broken}))
`;

const FLAG = '/run/keep-alive.stop';

export async function startKeptAlive(address: string): Promise<{ stop(): Promise<KeptAlive> }> {
  const program = Buffer.from(PROGRAM).toString('base64');
  await on('client', `rm -f ${FLAG}; echo ${program} | base64 -d >/run/keep-alive.py`);
  const running = on('client', `python3 /run/keep-alive.py ${address} ${FLAG}`, { timeoutMs: 90_000 });
  return {
    async stop() {
      await on('client', `: >${FLAG}`);
      return JSON.parse(await running) as KeptAlive;
    },
  };
}
