/*
 * ARP requests without a sender's address (RFC 5227's probe), in whatever interpreter is there. Arguments: seconds to
 * listen, then ADDRESS=INTERFACE each. A line `answers ADDRESS MAC` for every machine that answers; the asking host's
 * own kernel does not hear it.
 */

export const ASK_PYTHON = `
import select, socket, struct, sys, time
end = time.time() + float(sys.argv[1])
wanted, ears = {}, {}
for pair in sys.argv[2:]:
    address, dev = pair.split("=")
    if dev not in ears:
        ears[dev] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        ears[dev].bind((dev, 0x0806))
    wanted[socket.inet_aton(address)] = (address, dev)
def ask():
    for raw, (address, dev) in wanted.items():
        mac = ears[dev].getsockname()[4][:6]
        head = b"\\xff" * 6 + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
        ears[dev].send(head + mac + b"\\0" * 10 + raw)
ask()
again, seen = time.time() + 0.1, set()
while True:
    now = time.time()
    if now >= end:
        break
    if again and now >= again:
        ask()
        again = 0
    ready = select.select(list(ears.values()), [], [], max(0, min(end, again or end) - now))[0]
    for ear in ready:
        data = ear.recv(2048)
        if len(data) < 42 or data[12:14] != b"\\x08\\x06" or data[20:22] != b"\\0\\x02" or data[28:32] not in wanted:
            continue
        line = "answers %s %s" % (wanted[data[28:32]][0], ":".join("%02x" % it for it in bytearray(data[22:28])))
        if line not in seen:
            seen.add(line)
            print(line)
`;

export const ASK_PERL = `
use strict; use Socket; use Time::HiRes;
my ($seconds, @pairs) = @ARGV;
my (%wanted, %ears, %macs);
for (@pairs) {
  my ($address, $dev) = split /=/;
  if (!$ears{$dev}) {
    open(my $f, "<", "/sys/class/net/$dev/ifindex") or die "no interface $dev\\n";
    my $index = <$f>; chomp $index;
    open(my $m, "<", "/sys/class/net/$dev/address") or die "no address of $dev\\n";
    my $mac = <$m>; chomp $mac; $mac =~ s/://g;
    $macs{$dev} = pack("H12", $mac);
    socket($ears{$dev}, 17, SOCK_RAW, unpack("S", pack("n", 0x0806))) or die "packet socket: $!\\n";
    bind($ears{$dev}, pack("SniSCCa8", 17, 0x0806, $index, 0, 0, 0, "")) or die "bind: $!\\n";
  }
  $wanted{inet_aton($address)} = [$address, $dev];
}
sub ask {
  for my $raw (keys %wanted) {
    my $dev = $wanted{$raw}[1];
    my $head = "\\xff" x 6 . $macs{$dev} . pack("nnnCCn", 0x0806, 1, 0x0800, 6, 4, 1);
    send($ears{$dev}, $head . $macs{$dev} . "\\0" x 10 . $raw, 0);
  }
}
ask();
my $end = Time::HiRes::time() + $seconds;
my $again = Time::HiRes::time() + 0.1;
my %seen;
while ((my $now = Time::HiRes::time()) < $end) {
  if ($again && $now >= $again) { ask(); $again = 0; }
  my $until = $again && $again < $end ? $again : $end;
  my $bits = ""; vec($bits, fileno($_), 1) = 1 for values %ears;
  next unless select($bits, undef, undef, $until - $now > 0 ? $until - $now : 0) > 0;
  for my $ear (values %ears) {
    next unless vec($bits, fileno($ear), 1);
    recv($ear, my $data, 2048, 0);
    next if length $data < 42 || substr($data, 12, 2) ne "\\x08\\x06" || substr($data, 20, 2) ne "\\0\\x02";
    my $found = $wanted{substr($data, 28, 4)} or next;
    my $line = "answers $found->[0] " . join(":", map { sprintf "%02x", $_ } unpack("C6", substr($data, 22, 6)));
    print "$line\\n" if !$seen{$line}++;
  }
}
`;
