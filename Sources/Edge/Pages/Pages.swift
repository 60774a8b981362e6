/// The client for browsers, as every edge serves it. Source: Sources/Edge/Pages/Client.
package enum ClientFiles {
    package static let all: [String: EdgeFile] = [
        "/tidings.js": EdgeFile(body: PackageResources.tidings_js, contentType: "text/javascript; charset=utf-8"),
        "/tidings.mjs": EdgeFile(body: PackageResources.tidings_mjs, contentType: "text/javascript; charset=utf-8"),
        "/tidings.d.ts": EdgeFile(body: PackageResources.tidings_d_ts, contentType: "text/plain; charset=utf-8"),
        "/tidings.d.mts": EdgeFile(body: PackageResources.tidings_d_mts, contentType: "text/plain; charset=utf-8"),
    ]
}

/// The demo page: demo.html, and its style and script in files of their own.
package enum DemoPage {
    package static let page = EdgePage(
        body: PackageResources.demo_html,
        parts: [
            "demo.css": EdgePage.style(PackageResources.demo_css),
            "demo.js": EdgePage.script(PackageResources.demo_js),
            // `tidings.js` under a name of its own: browsers may keep that one for minutes, over an upgrade.
            "demo-client.js": EdgePage.script(PackageResources.tidings_js),
        ])
}

/// The dashboard: dashboard.html, and its style and script in files of their own.
package enum DashboardPage {
    package static let page = EdgePage(
        body: PackageResources.dashboard_html,
        parts: [
            "dashboard.css": EdgePage.style(PackageResources.dashboard_css),
            "dashboard.js": EdgePage.script(PackageResources.dashboard_js),
        ])
}
