package import Edge
import Yams

/// What `edge` says about the proxies that clients come through.
package struct ClientSetting {
    package var proxies: [AddressRange] = []
    package var speaksProxyProtocol = false

    package static let keys = ["proxies", "proxy_protocol"]

    package init() {}

    package init(_ members: [String: ConfigurationNode]) throws(ConfigurationError) {
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

    package static func noRange(_ text: String) -> String {
        "'\(text)' is no address or network; write one such as 127.0.0.1 or 10.0.0.0/8, without bits behind the prefix"
    }
}
