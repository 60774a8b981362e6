/// The client for browsers, as every edge serves it. Source: Sources/Edge/Pages/Client.
package enum ClientFiles {
    package static let all: [String: EdgeFile] = [
        "/tidings.js": EdgeFile(body: PackageResources.tidings_js, contentType: "text/javascript; charset=utf-8"),
        "/tidings.mjs": EdgeFile(body: PackageResources.tidings_mjs, contentType: "text/javascript; charset=utf-8"),
        "/tidings.d.ts": EdgeFile(body: PackageResources.tidings_d_ts, contentType: "text/plain; charset=utf-8"),
        "/tidings.d.mts": EdgeFile(body: PackageResources.tidings_d_mts, contentType: "text/plain; charset=utf-8"),
    ]
}

/// The demo page, as it stands in demo.html.
package enum DemoPage {
    package static let page = EdgePage(
        body: PackageResources.demo_html, contentType: "text/html; charset=utf-8",
        // All of it is in the one file; nothing from elsewhere, and no form goes anywhere.
        contentSecurityPolicy: """
            default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
            img-src data:; base-uri 'none'; form-action 'none'
            """)
}

/// The dashboard, as it stands in dashboard.html.
package enum DashboardPage {
    package static let page = EdgePage(
        body: PackageResources.dashboard_html, contentType: "text/html; charset=utf-8",
        // As the demo page; and no other page may show it in a frame.
        contentSecurityPolicy: """
            default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
            img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
            """)
}
