/*
 * Listeners for foreign VRRP speakers, in whatever interpreter a bare host has: EL has a python for dnf, Debian
 * has perl in its base system. An AF_PACKET socket hears what a packet filter would drop; joining the groups of
 * VRRP (224.0.0.18, ff02::12) makes the network card take the packets in. Arguments: interface, seconds. A line
 * `vrrp SOURCE VRID` each.
 */

export const LISTEN_PYTHON = `
import socket, struct, sys, time
dev, end = sys.argv[1], time.time() + float(sys.argv[2])
index = socket.if_nametoindex(dev)
four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4s4si", socket.inet_aton("224.0.0.18"), b"\\0" * 4, index))
try:
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.setsockopt(41, 20, struct.pack("16si", socket.inet_pton(socket.AF_INET6, "ff02::12"), index))
except OSError:
    pass
ears = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
ears.bind((dev, 3))
seen = set()
while True:
    left = end - time.time()
    if left <= 0:
        break
    ears.settimeout(left)
    try:
        data, origin = ears.recvfrom(2048)
    except socket.timeout:
        break
    if origin[2] == 4 or len(data) < 28:
        continue
    if origin[1] == 0x0800 and data[9] == 112:
        found = (socket.inet_ntoa(data[12:16]), data[(data[0] & 15) * 4 + 1])
    elif origin[1] == 0x86DD and data[6] == 112 and len(data) > 48:
        found = (socket.inet_ntop(socket.AF_INET6, data[8:24]), data[41])
    else:
        continue
    if found not in seen:
        seen.add(found)
        print("vrrp %s %d" % found)
`;

export const LISTEN_PERL = `
use strict; use Socket qw(:DEFAULT inet_ntop); use Time::HiRes;
my ($dev, $seconds) = @ARGV;
open(my $f, "<", "/sys/class/net/$dev/ifindex") or die "no interface $dev\\n";
my $index = <$f>; chomp $index;
socket(my $four, PF_INET, SOCK_DGRAM, 0) or die "socket: $!\\n";
setsockopt($four, 0, 35, pack("a4a4i", inet_aton("224.0.0.18"), "\\0" x 4, $index)) or die "membership: $!\\n";
my $group = pack("H32", "ff020000000000000000000000000012");
my $six;
socket($six, AF_INET6, SOCK_DGRAM, 0) and setsockopt($six, 41, 20, pack("a16i", $group, $index));
socket(my $ears, 17, SOCK_DGRAM, unpack("S", pack("n", 3))) or die "packet socket: $!\\n";
bind($ears, pack("SniSCCa8", 17, 3, $index, 0, 0, 0, "")) or die "bind: $!\\n";
my $end = Time::HiRes::time() + $seconds;
my %seen;
while ((my $left = $end - Time::HiRes::time()) > 0) {
  my $bits = ""; vec($bits, fileno($ears), 1) = 1;
  last unless select($bits, undef, undef, $left) > 0;
  my $from = recv($ears, my $data, 2048, 0);
  next unless defined $from && length $data >= 28 && unpack("x10C", $from) != 4;
  my $type = unpack("x2n", $from);
  my @bytes = unpack("C*", $data);
  my $found;
  if ($type == 0x0800 && $bytes[9] == 112) {
    $found = inet_ntoa(substr($data, 12, 4)) . " " . $bytes[($bytes[0] & 15) * 4 + 1];
  } elsif ($type == 0x86DD && $bytes[6] == 112 && @bytes > 48) {
    $found = inet_ntop(AF_INET6, substr($data, 8, 16)) . " " . $bytes[41];
  }
  print "vrrp $found\\n" if defined $found && !$seen{$found}++;
}
`;
