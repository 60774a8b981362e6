import Edge
import Yams

/// What `edge` says about the connections of clients: how many, how fast, through which proxies.
struct ClientSetting {
    var connectionsPerAddress: Int?
    var acceptsPerSecond: Int?
    /// In seconds.
    var streamTimeout: Int?
    var proxies: [AddressRange] = []
    var speaksProxyProtocol = false

    static let keys = ["connections_per_address", "accept_rate", "stream_timeout", "proxies", "proxy_protocol"]

    init() {}

    init(_ members: [String: ConfigurationNode]) throws(ConfigurationError) {
        if let node = members["connections_per_address"] {
            connectionsPerAddress = try node.integer(in: 0...10_000_000)
        }
        if let node = members["accept_rate"] { acceptsPerSecond = try node.integer(in: 0...10_000_000) }
        if let node = members["stream_timeout"] {
            streamTimeout = Int(try node.duration(atLeast: 1000, atMost: 86_400_000) / 1000)
        }
        for element in try members["proxies"]?.elements() ?? [] {
            let text = try element.string()
            guard let range = AddressRange(text) else { throw element.error(ClientSetting.noRange(text)) }
            proxies.append(range)
        }
        if let node = members["proxy_protocol"] {
            speaksProxyProtocol = try node.bool()
            if speaksProxyProtocol, proxies.isEmpty {
                throw node.error("name the proxies: whoever else sends such a header could be anybody")
            }
        }
    }

    static func noRange(_ text: String) -> String {
        "'\(text)' is no address or network; write one such as 127.0.0.1 or 10.0.0.0/8, without bits behind the prefix"
    }
}
