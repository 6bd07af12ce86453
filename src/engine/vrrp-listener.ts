/*
 * Listeners for foreign VRRP speakers, in whatever interpreter a bare host has: EL has a python for dnf, Debian
 * has perl in its base system. An AF_PACKET socket hears what a packet filter would drop; joining 224.0.0.18
 * makes the network card take the packets in. Arguments: interface, seconds. A line `vrrp SOURCE VRID` each.
 */

export const LISTEN_PYTHON = `
import socket, struct, sys, time
dev, end = sys.argv[1], time.time() + float(sys.argv[2])
index = socket.if_nametoindex(dev)
member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4s4si", socket.inet_aton("224.0.0.18"), b"\\0" * 4, index))
ears = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
ears.bind((dev, 0x0800))
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
    start = (data[0] & 15) * 4
    if origin[2] == 4 or len(data) < start + 8 or data[9] != 112:
        continue
    found = (socket.inet_ntoa(data[12:16]), data[start + 1])
    if found not in seen:
        seen.add(found)
        print("vrrp %s %d" % found)
`;

export const LISTEN_PERL = `
use strict; use Socket; use Time::HiRes;
my ($dev, $seconds) = @ARGV;
open(my $f, "<", "/sys/class/net/$dev/ifindex") or die "no interface $dev\\n";
my $index = <$f>; chomp $index;
socket(my $member, PF_INET, SOCK_DGRAM, 0) or die "socket: $!\\n";
setsockopt($member, 0, 35, pack("a4a4i", inet_aton("224.0.0.18"), "\\0" x 4, $index)) or die "membership: $!\\n";
socket(my $ears, 17, SOCK_DGRAM, unpack("S", pack("n", 0x0800))) or die "packet socket: $!\\n";
bind($ears, pack("SniSCCa8", 17, 0x0800, $index, 0, 0, 0, "")) or die "bind: $!\\n";
my $end = Time::HiRes::time() + $seconds;
my %seen;
while ((my $left = $end - Time::HiRes::time()) > 0) {
  my $bits = ""; vec($bits, fileno($ears), 1) = 1;
  last unless select($bits, undef, undef, $left) > 0;
  my $from = recv($ears, my $data, 2048, 0);
  next unless defined $from && length $data > 28;
  my @header = unpack("C*", substr($data, 0, 20));
  my $start = ($header[0] & 15) * 4;
  next if $header[9] != 112 || length $data < $start + 8 || unpack("x10C", $from) == 4;
  my $found = inet_ntoa(substr($data, 12, 4)) . " " . unpack("C", substr($data, $start + 1, 1));
  print "vrrp $found\\n" unless $seen{$found}++;
}
`;
