package guard

import "net/netip"

// special returns what makes an address one that is not on the public
// Internet, or "". The networks are those of IANA's registries of special
// purpose addresses (RFC 6890) which are not globally reachable, with multicast
// and the metadata services of clouds that have a public address.
func special(a netip.Addr) string {
	if a.Is4() {
		return special4(a)
	}
	return special6(a)
}

func special4(a netip.Addr) string {
	b := a.As4()
	switch {
	case b[0] == 0:
		return "this machine itself"
	case b[0] == 127:
		return "a loopback address"
	case a.IsPrivate():
		return "a private address"
	case b[0] == 100 && b[1]&0xC0 == 64: // 100.64.0.0/10; 100.100.100.200 in it serves metadata
		return "an address shared behind a provider's NAT"
	case b[0] == 169 && b[1] == 254: // 169.254.169.254 in it serves metadata
		return "a link-local address"
	case b == [4]byte{168, 63, 129, 16}:
		return "a cloud's metadata service"
	case b[0] == 192 && b[1] == 0 && b[2] == 0: // 192.0.0.192 in it serves metadata
		return "reserved for protocols"
	case b[0] == 192 && b[1] == 88 && b[2] == 99:
		return "an IPv6 relay"
	case b[0] == 198 && b[1]&0xFE == 18:
		return "reserved for benchmarks"
	case within(b, 192, 0, 2), within(b, 198, 51, 100), within(b, 203, 0, 113):
		return "reserved for documentation"
	case b[0] >= 240:
		return "a reserved address"
	case b[0] >= 224:
		return "a multicast address"
	}
	return ""
}

func within(b [4]byte, x, y, z byte) bool { return b[0] == x && b[1] == y && b[2] == z }

func special6(a netip.Addr) string {
	b := a.As16()
	switch {
	case a.IsUnspecified():
		return "this machine itself"
	case a.IsLoopback():
		return "a loopback address"
	case a.IsPrivate(): // fd00:ec2::254 and fd20:ce::254 in it serve metadata
		return "a private address"
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a.IsMulticast():
		return "a multicast address"
	case b[0] == 0 && b[1] == 0x64 && b[2] == 0xFF && b[3] == 0x9B: // 64:ff9b::/96, 64:ff9b:1::/48
		return "an IPv4 address behind a translator (NAT64)"
	case b[0]&0xE0 != 0x20: // all that is given out is in 2000::/3
		return "not a global address"
	case b[0] == 0x20 && b[1] == 0x01 && b[2]&0xFE == 0: // 2001::/23, Teredo among them
		return "reserved for protocols"
	case b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0D && b[3] == 0xB8, // 2001:db8::/32
		b[0] == 0x3F && b[1] == 0xFF && b[2]&0xF0 == 0: // 3fff::/20
		return "reserved for documentation"
	case b[0] == 0x20 && b[1] == 0x02: // 2002::/16
		return "an IPv4 address behind a tunnel (6to4)"
	}
	return ""
}

// translated returns the IPv4 address inside an address of NAT64's well-known
// prefix 64:ff9b::/96 (RFC 6052) or of 6to4, 2002::/16 (RFC 3056).
func translated(a netip.Addr) (netip.Addr, bool) {
	if a.Is4() {
		return netip.Addr{}, false
	}
	b := a.As16()
	if [12]byte(b[:12]) == [12]byte{0, 0x64, 0xFF, 0x9B} {
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	if b[0] == 0x20 && b[1] == 0x02 {
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}
