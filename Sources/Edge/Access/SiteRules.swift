/// Decides what pages of other sites may do through the browsers of their visitors. Pure.
///
/// Browsers say where a request comes from: `Host` is the host of the address that the page has asked for, `Origin` is
/// the page's own origin, and `Sec-Fetch-Site` compares the two. A request without the last two is from no page, or
/// reads from the page's own origin. Other clients can send what they like: these rules protect visitors, not the edge.
struct SiteRules {
    /// What a request is about.
    enum Purpose {
        /// Reads what everyone may read, or what the request has a token for.
        case reading
        /// Sends comments.
        case writing
        /// Looks after the edge: the dashboard, and everything at the address for administration.
        case administration
    }

    /// Why a request is refused.
    enum Refusal: Equatable {
        /// The host is none of the edge's.
        case host
        /// Nobody has said that the host is the edge's own.
        case unknownHost
        /// The request is from a page of another site.
        case site
    }

    let hosts: AllowedHosts
    let origins: AllowedOrigins

    /// Why the request is refused; nil: it is not.
    func refusal(of purpose: Purpose, _ head: RequestHead, of bytes: Span<UInt8>) -> Refusal? {
        let host = hosts.match(bytes.extracting(head.host))
        if host == .foreign { return .host }
        if purpose == .reading { return nil }
        let origin = origins.relation(of: bytes.extracting(head.origin), to: bytes.extracting(head.host))
        let isAdministration = purpose == .administration
        // It is named however its site relates to this one.
        if case .listed = origin, !isAdministration { return nil }
        guard Self.isSameSite(bytes.extracting(head.fetchSite)), origin == .absent || origin == .same else {
            return .site
        }
        // Without either field a page can still read from its own origin, but cannot post.
        let isFromPage = isAdministration || origin != .absent || !head.fetchSite.isEmpty
        return isFromPage && host == .unknown ? .unknownHost : nil
    }

    /// Whether a browser says that the request is from the page's own origin, or from the person (Fetch Metadata, 2.3).
    /// Empty: it is no browser, or one that does not say.
    private static func isSameSite(_ value: Span<UInt8>) -> Bool {
        value.count == 0 || value.equals("same-origin") || value.equals("none")
    }
}

extension SiteRules.Refusal {
    /// The answer, which says what to change.
    ///
    /// - Parameter host: the `Host` of the request.
    func error(for purpose: SiteRules.Purpose, host: Span<UInt8>) -> HTTPError {
        let name = host.withUnsafeBufferPointer { String(decoding: $0.prefix(255), as: UTF8.self) }
        switch self {
        case .host:
            return HTTPError(
                .misdirectedRequest,
                "this edge does not answer for '\(name)'; if it should, list that host in edge.hosts, or give --host")
        case .unknownHost:
            let what = purpose == .writing ? "pages may not post here" : "this is not shown"
            return HTTPError(
                .misdirectedRequest,
                "\(what) under the name '\(name)' until edge.hosts lists that host, or --host gives it")
        case .site where purpose == .writing:
            return HTTPError(
                .forbidden,
                "pages of this origin may not post here; if they should, list it in edge.origins, or give --origin")
        case .site:
            return HTTPError(.forbidden, "pages of other sites may not open this; type its address into the browser")
        }
    }
}
