import TestSupport
import Testing

@testable import Edge

/// Who a client is: addresses, networks and the headers of proxies. All pure.
@Suite("clients and proxies")
struct ClientAddressTests {
    @Test("IPv4 and IPv6 addresses are parsed, and nothing else")
    func addresses() throws {
        #expect(ClientAddress("127.0.0.1") == ClientAddress(v4: 0x7F00_0001))
        #expect(ClientAddress("::ffff:1.2.3.4") == ClientAddress("1.2.3.4"))
        #expect(try #require(ClientAddress("2001:db8:1:2:3:4:5:6")).countedNetwork == ClientAddress("2001:db8:1:2::"))
        #expect(try #require(ClientAddress("10.1.2.3")).countedNetwork == ClientAddress("10.1.2.3"))
        #expect(["127.0.0.1", "127.9.9.9", "::1"].allSatisfy { ClientAddress($0)?.isLoopback == true })
        #expect(["128.0.0.1", "::2", "2001::1", "1.0.0.127"].allSatisfy { ClientAddress($0)?.isLoopback == false })
        for text in ["", "1.2.3", "1.2.3.4.5", "1.2.3.4 ", "1.2.3.256", "::g", "localhost", "01.2.3.4", "[::1]"] {
            #expect(ClientAddress(text) == nil, "\(text)")
        }
    }

    @Test(
        "a network contains exactly its addresses",
        arguments: [
            ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["11.0.0.0", "9.255.255.255", "2001::"]),
            ("127.0.0.1", ["127.0.0.1"], ["127.0.0.2"]), ("0.0.0.0/0", ["1.2.3.4"], ["2001::1"]),
            ("2001:db8::/33", ["2001:db8:7fff::1"], ["2001:db8:8000::", "2001:db9::"]),
            ("::/0", ["::1", "1.2.3.4"], []), ("2001:db8::1/128", ["2001:db8::1"], ["2001:db8::2"]),
            ("192.168.4.0/22", ["192.168.7.255"], ["192.168.8.0", "192.168.3.255"]),
        ])
    func ranges(text: String, inside: [String], outside: [String]) throws {
        let range = try #require(AddressRange(text))
        for address in inside { #expect(range.contains(try #require(ClientAddress(address))), "\(address)") }
        for address in outside { #expect(!range.contains(try #require(ClientAddress(address))), "\(address)") }
    }

    @Test(
        "malformed networks are refused",
        arguments: ["10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/", "/8", "x", "10.0.0.0/8/8"])
    func noRange(text: String) {
        #expect(AddressRange(text) == nil)
    }

    private static let trust = ProxyTrust(
        ranges: ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"].compactMap(AddressRange.init))

    @Test(
        "X-Forwarded-For: the last address that is not a trusted proxy",
        arguments: [
            ("1.2.3.4", "1.2.3.4"), ("6.6.6.6, 1.2.3.4", "1.2.3.4"), ("6.6.6.6,1.2.3.4 , 10.1.1.1", "1.2.3.4"),
            ("1.2.3.4:567", "1.2.3.4"), ("[2001:db9::1]:80, 10.0.0.1", "2001:db9::1"), ("2001:db9::1", "2001:db9::1"),
            // Only proxies: the first one counts as the client.
            ("10.0.0.2, 10.0.0.1", "10.0.0.2"),
            // Not an address: parsing stops there.
            ("1.2.3.4, unknown, 10.0.0.1", "10.0.0.1"), ("unknown", nil), ("", nil), (",", nil), ("1.2.3.4,", nil),
        ] as [(String, String?)])
    func forwarded(value: String, client: String?) {
        let bytes = Array(value.utf8)
        #expect(Self.trust.client(forwardedFor: bytes.span) == client.flatMap { ClientAddress($0) })
    }

    @Test("only the configured networks are proxies")
    func trust() throws {
        #expect(Self.trust.isProxy(ClientAddress("10.2.3.4")) && Self.trust.isProxy(nil))
        #expect(!Self.trust.isProxy(ClientAddress("11.2.3.4")))
        #expect(!ProxyTrust().isProxy(ClientAddress("127.0.0.1")) && !ProxyTrust().isProxy(nil))
    }

    // MARK: PROXY protocol

    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    private static let four: [UInt8] =
        signature + [0x21, 0x11, 0, 12, 1, 2, 3, 4, 127, 0, 0, 1, 0x30, 0x39, 0x1F, 0x90]
    private static let six: [UInt8] =
        signature + [0x21, 0x21, 0, 36] + [0x20, 0x01, 0x0d, 0xb9] + Array(repeating: 0, count: 11) + [7]
        + Array(repeating: 1, count: 20)

    static let good: [(bytes: [UInt8], client: String?)] = [
        (Array("PROXY TCP4 1.2.3.4 127.0.0.1 12345 8080\r\n".utf8), "1.2.3.4"),
        (Array("PROXY TCP6 2001:db9::7 ::1 65535 0\r\n".utf8), "2001:db9::7"),
        (Array("PROXY UNKNOWN\r\n".utf8), nil),
        (Array("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".utf8), nil),
        (four, "1.2.3.4"), (six, "2001:db9::7"),
        // LOCAL: the proxy connects on its own behalf.
        (signature + [0x20, 0x00, 0, 0], nil), (signature + [0x20, 0x11, 0, 12] + Array(repeating: 9, count: 12), nil),
        // With the TLS information that a proxy adds.
        (signature + [0x21, 0x11, 0, 15, 1, 2, 3, 4, 127, 0, 0, 1, 0x30, 0x39, 0x1F, 0x90, 0x04, 0, 0], "1.2.3.4"),
        (signature + [0x21, 0x31, 0, 0], nil), (signature + [0x21, 0x00, 0, 0], nil),
    ]

    @Test("a header is parsed, whatever follows and however it is split", arguments: good)
    func header(bytes: [UInt8], client: String?) {
        let whole = ProxyHeader.Progress.complete(length: bytes.count, client: client.flatMap { ClientAddress($0) })
        #expect(ProxyHeader.parse(bytes) == whole)
        #expect(ProxyHeader.parse(bytes + Array("GET / HTTP/1.1\r\n".utf8)) == whole)
        for end in 0..<bytes.count { #expect(ProxyHeader.parse(Array(bytes[..<end])) == .needsMore, "cut at \(end)") }
    }

    static let malformed: [[UInt8]] =
        [
            "GET / HTTP/1.1\r\n", "PROXY TCP4 1.2.3.4 127.0.0.1 12345\r\n",
            "PROXY TCP4 1.2.3.4 127.0.0.1 12345 8080 x\r\n",
            "PROXY TCP4 1.2.3.4  127.0.0.1 1 2\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "PROXY TCP5 1 2 3 4\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY " + String(repeating: "x", count: 120), "\u{16}\u{3}\u{1}",
        ].map { Array($0.utf8) } + [
            signature + [0x11, 0x11, 0, 12] + Array(repeating: 0, count: 12),
            signature + [0x22, 0x11, 0, 12] + Array(repeating: 0, count: 12),
            signature + [0x21, 0x11, 0, 11] + Array(repeating: 0, count: 11),
            signature + [0x21, 0x21, 0, 12] + Array(repeating: 0, count: 12),
            signature + [0x21, 0x41, 0, 0], signature + [0x21, 0x11, 0xFF, 0xFF],
        ]

    @Test("malformed headers are detected", arguments: malformed)
    func noHeader(bytes: [UInt8]) {
        #expect(ProxyHeader.parse(bytes) == .malformed)
    }

    @Test("connections are counted by IPv4 address and by IPv6 /64")
    func counter() throws {
        var counter = AddressCounter(limit: 2)
        let address = try #require(ClientAddress("2001:db8::1"))
        let neighbour = try #require(ClientAddress("2001:db8::ffff"))
        let other = try #require(ClientAddress("2001:db8:0:1::1"))
        let entered = [counter.enter(address), counter.enter(neighbour), counter.enter(address), counter.enter(other)]
        #expect(entered == [true, true, false, true])
        counter.leave(neighbour)
        let again = [counter.enter(address), counter.enter(neighbour)]
        #expect(again == [true, false])
        var unlimited = AddressCounter(limit: 0)
        let all = (0..<10).map { _ in unlimited.enter(address) }
        #expect(all.allSatisfy { $0 })
    }

    @Test("connections are counted without a limit as well, and forgotten when they close")
    func changingCounter() throws {
        let address = try #require(ClientAddress("192.0.2.1"))
        var counter = AddressCounter(limit: 0)
        let free = (0..<3).map { _ in counter.enter(address) }
        counter.limit = 2
        let bounded = counter.enter(address)
        #expect(free == [true, true, true] && !bounded)
        for _ in 0..<2 { counter.leave(address) }
        let one = [counter.enter(address), counter.enter(address)]
        #expect(one == [true, false])
        counter.limit = 0
        for _ in 0..<2 { counter.leave(address) }
        counter.limit = 1
        let again = [counter.enter(address), counter.enter(address)]
        #expect(again == [true, false])
    }

    @Test("a new rate applies at once, with no more tokens than its capacity")
    func changingRate() {
        var rate = AcceptRate(perSecond: 0, now: 0)
        for _ in 0..<1000 { rate.take() }
        rate.change(perSecond: 100)
        var taken = 0
        while rate.wait(now: 0) == 0 {
            rate.take()
            taken += 1
        }
        #expect(taken == 10)
        rate.change(perSecond: 1000)
        // Nothing was saved up. From now on a thousand per second.
        let waits = [rate.wait(now: 0), rate.wait(now: 1)]
        rate.take()
        rate.change(perSecond: 0)
        let none = rate.wait(now: 1)
        #expect(waits == [1, 0] && none == 0)
    }

    @Test("new connections never exceed the rate by more than a tenth of a second's worth")
    func rate() {
        var random = SplitMix64()
        for perSecond in [1, 7, 100, 5000] {
            var rate = AcceptRate(perSecond: perSecond, now: 0)
            var now: Int64 = 0
            var taken = 0
            while now < 10_000 {
                let wait = rate.wait(now: now)
                if wait == 0 {
                    rate.take()
                    taken += 1
                } else {
                    now += Bool.random(using: &random) ? wait : wait + 1
                }
            }
            let most = Double(perSecond) * 10 + max(1, Double(perSecond) / 10) + 1
            #expect(Double(taken) <= most && Double(taken) >= Double(perSecond) * 4, "\(perSecond)/s: \(taken)")
        }
        var any = AcceptRate(perSecond: 0, now: 0)
        let waits = (0..<1000).map { _ in
            any.take()
            return any.wait(now: 0)
        }
        #expect(waits.allSatisfy { $0 == 0 })
    }
}
