// Package firewall writes the configured sources as rules for firewalls, so that
// nobody else even reaches the SMTP port: nftables, ipset and iptables, pf,
// Windows, Exchange, Azure, AWS, and a plain list. It compares such rules, its own
// or what a firewall shows, with the sources, and keeps the way back.
//
// What stands in every file:
//
//   - It is about the given TCP ports only. On nftables, iptables and pf it only
//     takes away: it refuses those ports to everybody who is not on the list, and
//     what it lets pass is still judged by the other rules of the machine. It is a
//     table, chain or anchor of its own and changes no other. Windows, Azure and
//     AWS know rules that allow; there it allows, and says what else must hold.
//   - Loading it again gives the same state, whatever an earlier file left. It
//     never passes through one that admits nobody. nftables goes on counting.
//   - The same sources give the same file, octet for octet: it holds no time.
//   - A source that ends is told with its last day. nftables and iptables keep to
//     that day by themselves, by the date and not by a time that begins anew with
//     each boot; all others must be made again.
//
// The package loads no rules and connects to nothing. It runs the dry run of
// a firewall's own tool, if that is asked for.
package firewall
