import Edge

/// The dashboard, as it stands in dashboard.html.
enum DashboardPage {
    static let page = EdgePage(
        body: PackageResources.dashboard_html, contentType: "text/html; charset=utf-8",
        // As the demo page; and no other page may show it in a frame.
        contentSecurityPolicy: """
            default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
            img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
            """)
}
