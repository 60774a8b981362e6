import TestSupport

/// The dashboard in a browser window, as an operator sees it.
struct DashboardWindow {
    let window: WebWindow

    init(_ address: String, in browser: WebDriver) throws {
        window = try browser.open(address)
    }

    /// `All well`, or how much is wrong.
    var headline: String {
        get throws { try window.find("#headline").text }
    }

    /// What is said to be wrong: the sentence and what to type.
    var advice: [String: String] {
        get throws {
            let whats = try window.texts("#advice .words")
            return Dictionary(zip(whats, try window.texts("#advice code"))) { first, _ in first }
        }
    }

    /// Waits until the page says so.
    func expect(headline: String, within seconds: Double = 20) throws {
        var seen = ""
        try eventually(within: seconds, "the headline is '\(headline)', not '\(seen)'", every: 0.05) {
            seen = try self.headline
            return seen == headline
        }
    }

    /// Waits until something that begins like this is said to be wrong; gives what to type.
    func expect(advice start: String, within seconds: Double = 20) throws -> String? {
        var seen: [String: String] = [:]
        try eventually(within: seconds, "'\(start)' is said, not \(seen)", every: 0.05) {
            seen = try advice
            return seen.keys.contains { $0.hasPrefix(start) }
        }
        return seen.first { $0.key.hasPrefix(start) }?.value
    }

    /// The text of a cell of the table of stages.
    func stage(_ name: String, _ column: String) throws -> String? {
        try window.execute(
            """
            const column = [...document.querySelectorAll("#stages thead th")].findIndex((cell) => cell.textContent === arguments[1]);
            const row = [...document.querySelectorAll("#stages tbody tr")].find((row) => row.cells[0].textContent === arguments[0]);
            return row?.cells[column].textContent ?? null;
            """, [.string(name), .string(column)]
        ).string
    }

    /// Pixels by which the page is wider than its window.
    var overflow: Int {
        get throws {
            let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
            return try window.execute(script).integer ?? -1
        }
    }
}
