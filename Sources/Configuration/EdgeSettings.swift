package import Edge
package import Events

/// `edge.dashboard`: who gets to see the dashboard.
package enum DashboardSetting: String, CaseIterable, Sendable {
    /// Nobody.
    case off = "false"
    /// Clients on this machine that come through no proxy; nobody where the edge does not listen on the loopback.
    case local
    /// Everyone who reaches the edge.
    case everyone = "true"

    /// What an edge at an address is told.
    ///
    /// - Parameter isApart: whether the dashboard has an address of its own, which decides who can reach it.
    package func options(at address: ListenAddress, isApart: Bool = false) -> DashboardOptions? {
        switch self {
        case .off: nil
        case .local where !isApart:
            address.isLoopback ? DashboardOptions(page: DashboardPage.page, audience: .local) : nil
        case .local, .everyone: DashboardOptions(page: DashboardPage.page, audience: .everyone)
        }
    }
}

extension SettingForm where Value == DashboardSetting {
    static var dashboard: Self {
        SettingForm(
            range: "true, false or local", parse: DashboardSetting.init(rawValue:),
            read: { node in
                let text = try node.string()
                if text == "local" { return .local }
                guard let isOn = try? node.bool() else {
                    throw node.error("'\(text)' is none of true, false and local")
                }
                return isOn ? .everyone : .off
            }, text: \.rawValue)
    }
}

extension SettingForm where Value == [AddressRange] {
    /// A flag names one of them.
    static var proxies: Self {
        SettingForm(
            range: Settings.Edge.networks, keyRange: "",
            parse: { AddressRange($0).map { [$0] } },
            read: { node in
                try node.elements().map { element in
                    let text = try element.string()
                    guard let range = AddressRange(text) else {
                        throw element.error("'\(text)' is no address or network; write \(Settings.Edge.networks)")
                    }
                    return range
                }
            }, text: { $0.isEmpty ? "none" : "\($0.count) networks" })
    }
}

extension SettingForm where Value == AllowedOrigins {
    /// A flag names one of them.
    static var origins: Self {
        SettingForm(
            range: Settings.Access.originForm, keyRange: "*, or at most \(AllowedOrigins.maxCount)",
            parse: { $0 == "*" ? .any : AllowedOrigins.isOrigin($0) ? .listed([$0]) : nil },
            read: { node in
                if node.isAny { return .any }
                let elements = try node.elements()
                let names = try elements.filter { !$0.isAny }.map { element in
                    let text = try element.string()
                    guard AllowedOrigins.isOrigin(text) else {
                        throw element.error("'\(text)' is no origin; write \(Settings.Access.originForm)")
                    }
                    return text
                }
                guard names.count <= AllowedOrigins.maxCount else {
                    throw node.error("at most \(AllowedOrigins.maxCount) origins")
                }
                return names.count < elements.count ? .all(writers: names) : .listed(names)
            },
            text: { origins in
                switch origins {
                case .all(let writers): writers.isEmpty ? "*" : "[\((["*"] + writers).joined(separator: ", "))]"
                case .listed(let texts): "[\(texts.joined(separator: ", "))]"
                }
            })
    }
}

extension SettingForm where Value == HostNames {
    /// A flag names one of them.
    static var hosts: Self {
        SettingForm(
            range: Settings.Access.hostForm, keyRange: "*, or at most \(HostNames.maxCount)",
            parse: { $0 == "*" ? .any : HostNames.isHost($0) ? .named([$0]) : nil },
            read: { node in
                if node.isAny { return .any }
                let elements = try node.elements()
                guard elements.count <= HostNames.maxCount else {
                    throw node.error("at most \(HostNames.maxCount) hosts")
                }
                return .named(
                    try elements.map { element in
                        let text = try element.string()
                        guard HostNames.isHost(text) else {
                            throw element.error("'\(text)' is no host; write \(Settings.Access.hostForm)")
                        }
                        return text
                    })
            },
            text: { hosts in
                switch hosts {
                case .any: "*"
                case .named(let names): names.isEmpty ? "none" : "[\(names.joined(separator: ", "))]"
                }
            })
    }
}

/// What `edge` says besides its limits and who may read and write. Nil: it does not say.
package struct EdgeSettings {
    package var listen: String?
    /// Where the dashboard and the metrics are; nil: beside everything else.
    package var admin: String?
    package var hosts: HostNames?
    /// Seconds that a long poll is held.
    package var hold: Int?
    /// In how many seconds a drain answers the held polls.
    package var drain: Int?
    package var publicKinds = Set(Settings.Edge.publicKinds.defaultValue)
    package var dashboard: DashboardSetting?
    package var proxies: [AddressRange]?
    package var proxyProtocol: Bool?

    private static let fields: [SettingField<EdgeSettings>] = [
        SettingField(Settings.Edge.listen, given: \.listen), SettingField(Settings.Edge.admin, \.admin),
        SettingField(Settings.Access.hosts, given: \.hosts), SettingField(Settings.Edge.hold, given: \.hold),
        SettingField(Settings.Edge.drain, \.drain),
        SettingField(Settings.Edge.publicKinds) { $1.publicKinds = Set($0) },
        SettingField(Settings.Edge.dashboard, given: \.dashboard),
        SettingField(Settings.Edge.proxies, given: \.proxies),
        SettingField(Settings.Edge.proxyProtocol, given: \.proxyProtocol),
    ]

    /// The keys in `edge` that are read here.
    static var keys: [String] { fields.map(\.setting.name) }

    package init() {}

    /// - Parameter members: those of `edge`.
    init(_ members: [String: ConfigurationNode]) throws {
        try members.read(EdgeSettings.fields, into: &self)
        if proxyProtocol == true, (proxies ?? []).isEmpty, let node = members[Settings.Edge.proxyProtocol.name] {
            throw node.error("name the proxies: anyone else could send such a header")
        }
    }
}
