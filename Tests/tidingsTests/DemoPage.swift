import TestSupport

/// The demo page in a browser window, in a visitor's terms.
struct DemoPage {
    let window: WebWindow

    /// Opens the page and waits until it follows its thread.
    init(_ address: String, in browser: WebDriver) throws {
        window = try browser.open(address)
        try waitUntilLive()
    }

    /// The text of each comment that came through the feed, from top to bottom.
    var comments: [String] {
        get throws { try window.texts("#comments article.comment .body") }
    }

    /// The text of each of the visitor's own comments that is still on its way.
    var pending: [String] {
        get throws { try window.texts("#pending article.comment .body") }
    }

    /// `connecting`, `live`, `reconnecting` or `offline`.
    var state: String? {
        get throws { try window.find("#state").attribute("data-state") }
    }

    func waitUntilLive() throws {
        try eventually(within: 20, "the page is live") { try state == "live" }
    }

    /// Writes a comment and posts it with the button.
    func post(_ text: String, as name: String) throws {
        let field = try window.find("#name")
        try field.clear()
        try field.type(name)
        try window.find("#text").type(text)
        try window.find("#post").click()
    }

    /// Waits until the page shows these comments, in this order and nothing else.
    func expect(_ texts: [String]) throws {
        var seen: [String] = []
        var waiting: [String] = []
        let wanted = texts.joined(separator: " | ")
        try eventually(
            within: 40, "\(wanted); shown: \(seen.joined(separator: " | ")); pending: \(waiting)", every: 0.05
        ) {
            seen = try comments
            waiting = try pending
            return seen == texts && waiting.isEmpty
        }
    }
}
