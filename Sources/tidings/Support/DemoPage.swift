import Edge

/// The demo page, as it stands in demo.html.
enum DemoPage {
    static let page = EdgePage(
        body: PackageResources.demo_html, contentType: "text/html; charset=utf-8",
        // All of it is in the one file; nothing from elsewhere, and no form goes anywhere.
        contentSecurityPolicy: """
            default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
            img-src data:; base-uri 'none'; form-action 'none'
            """)
}
