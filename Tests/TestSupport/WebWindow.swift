import Foundation

/// A window of a ``WebDriver``. Every command goes to this window, whichever was used before.
public struct WebWindow {
    let driver: WebDriver
    let handle: String

    /// Goes to `url` and waits until it is loaded.
    public func load(_ url: String) throws {
        _ = try command("POST", "/url", ["url": .string(url)])
    }

    /// Runs JavaScript as the body of a function, and gives what it returns.
    @discardableResult
    public func execute(_ script: String, _ arguments: [ParsedJSON] = []) throws -> ParsedJSON {
        try command("POST", "/execute/sync", ["script": .string(script), "args": .array(arguments)])
    }

    /// The first element that a CSS selector matches.
    public func find(_ selector: String) throws -> WebElement {
        let found = try command("POST", "/element", ["using": "css selector", "value": .string(selector)])
        guard let reference = found[WebElement.key]?.string else { throw TestSupportError("no \(selector)") }
        return WebElement(window: self, reference: reference)
    }

    /// The text of every element that a CSS selector matches, in the order of the page.
    public func texts(_ selector: String) throws -> [String] {
        let script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
        return try execute(script, [.string(selector)]).array?.compactMap(\.string) ?? []
    }

    /// Writes what the window shows to a PNG file.
    public func screenshot(to path: String) throws {
        let encoded = try command("GET", "/screenshot").string ?? ""
        guard let png = Data(base64Encoded: encoded) else { throw TestSupportError("no picture") }
        try png.write(to: URL(fileURLWithPath: path))
    }

    func command(_ method: String, _ path: String, _ body: ParsedJSON? = nil) throws -> ParsedJSON {
        _ = try driver.command("POST", "/window", ["handle": .string(handle)])
        return try driver.command(method, path, body)
    }
}
