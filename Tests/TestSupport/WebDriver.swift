import Foundation
import Synchronization

/// A headless Chromium, controlled through `chromedriver` by the W3C WebDriver protocol. Its commands run one at a time.
public final class WebDriver: Sendable {
    private let driver: ChildProcess
    private let profile: TemporaryFolder
    private let session: String
    private let firstWindow: String
    private let state: Mutex<State>

    private struct State {
        let client: HTTPClient
        /// The window that commands go to; nil when it was closed.
        var window: String?
    }

    /// Starts the driver and the browser.
    ///
    /// - Parameters:
    ///   - width: the width of the windows, in CSS pixels.
    ///   - height: their height.
    ///   - arguments: more arguments of Chromium.
    public init(width: Int = 1100, height: Int = 800, arguments: [String] = []) throws {
        let (driver, port) = try Self.startDriver()
        self.driver = driver
        profile = try TemporaryFolder()
        let client = HTTPClient(port: port, timeout: 60)
        let flags =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
            + ["--window-size=\(width),\(height)", "--user-data-dir=\(profile.path)"] + arguments
        let options: ParsedJSON = ["args": .array(flags.map { .string($0) })]
        let match: ParsedJSON = ["goog:chromeOptions": options, "goog:loggingPrefs": ["browser": "ALL"]]
        let wanted: ParsedJSON = ["capabilities": ["alwaysMatch": match]]
        let response = try client.post("/session", wanted.text)
        guard let session = try response.json["value"]?["sessionId"]?.string else {
            throw TestSupportError("no browser: \(response.text)")
        }
        self.session = session
        let current = try client.request("GET", "/session/\(session)/window")
        guard let window = try current.json["value"]?.string else {
            throw TestSupportError("no window: \(current.text)")
        }
        firstWindow = window
        state = Mutex(State(client: client, window: window))
    }

    /// Starts chromedriver, up to five times: it ends when the port that it has chosen for IPv4 is in use for IPv6.
    private static func startDriver() throws -> (ChildProcess, UInt16) {
        var errors = ""
        for _ in 0..<5 {
            let driver = try ChildProcess("chromedriver", ["--port=0"])
            var port: UInt16?
            try eventually(within: 20, "chromedriver listens; it wrote: \(driver.output)\(driver.errors)") {
                port = Self.port(in: driver.output)
                return port != nil || !driver.isRunning
            }
            if let port, driver.isRunning { return (driver, port) }
            errors = driver.errors
        }
        throw TestSupportError("chromedriver ended five times: \(errors)")
    }

    deinit {
        // On request Chromium ends its crash handlers as well, which are in other process groups.
        state.withLock { state in
            _ = try? state.client.request("DELETE", "/session/\(session)")
        }
    }

    /// Opens `url` in a new window and waits until it is loaded.
    public func open(_ url: String) throws -> WebWindow {
        let made = try command("POST", "/window/new", ["type": "window"])
        guard let handle = made["handle"]?.string else { throw TestSupportError("no window: \(made)") }
        let window = WebWindow(driver: self, handle: handle)
        try window.load(url)
        return window
    }

    /// Closes the windows that were opened, with what their pages do.
    public func closeWindows() throws {
        for case let window? in try command("GET", "/window/handles").array?.map(\.string) ?? []
        where window != firstWindow {
            _ = try command("DELETE", "/window", in: window)
            state.withLock { $0.window = nil }
        }
        // A window is opened from one that is there.
        _ = try command("GET", "/window", in: firstWindow)
    }

    /// Sends a command of the session. Returns the `value` of the response.
    ///
    /// - Parameter window: the window to switch to first, unless the last command went to it; nil: any.
    func command(_ method: String, _ path: String, _ body: ParsedJSON? = nil, in window: String? = nil) throws
        -> ParsedJSON
    {
        try state.withLock { state in
            if let window, window != state.window {
                _ = try send("POST", "/window", ["handle": .string(window)], over: state.client)
                state.window = window
            }
            return try send(method, path, body, over: state.client)
        }
    }

    private func send(_ method: String, _ path: String, _ body: ParsedJSON?, over client: HTTPClient) throws
        -> ParsedJSON
    {
        let response = try client.request(method, "/session/\(session)\(path)", body: body?.text)
        guard response.status == 200, let value = try response.json["value"] else {
            throw TestSupportError("\(method) \(path): \(response.text.prefix(500))")
        }
        return value
    }

    private static func port(in output: String) -> UInt16? {
        guard let range = output.range(of: "started successfully on port ") else { return nil }
        return UInt16(output[range.upperBound...].prefix { $0.isNumber })
    }
}

/// A window of a ``WebDriver``.
public struct WebWindow {
    let driver: WebDriver
    let handle: String

    /// Loads `url` and waits until it is loaded.
    public func load(_ url: String) throws {
        _ = try command("POST", "/url", ["url": .string(url)])
    }

    /// Runs JavaScript as the body of a function, and returns its result.
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

    /// The texts of all elements that a CSS selector matches, in document order.
    public func texts(_ selector: String) throws -> [String] {
        let script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
        return try execute(script, [.string(selector)]).array?.compactMap(\.string) ?? []
    }

    /// What the browser has written to the console of this window's page since the last call: errors of scripts, files
    /// that did not load, violations of a page's policy.
    public func consoleLines() throws -> [String] {
        try command("POST", "/se/log", ["type": "browser"]).array?.compactMap { $0["message"]?.string } ?? []
    }

    /// Writes a screenshot of the window to a PNG file.
    public func screenshot(to path: String) throws {
        let encoded = try command("GET", "/screenshot").string ?? ""
        guard let png = Data(base64Encoded: encoded) else { throw TestSupportError("no picture") }
        try png.write(to: URL(fileURLWithPath: path))
    }

    func command(_ method: String, _ path: String, _ body: ParsedJSON? = nil) throws -> ParsedJSON {
        try driver.command(method, path, body, in: handle)
    }
}

/// An element of a page in a ``WebWindow``.
public struct WebElement {
    let window: WebWindow
    let reference: String

    /// The member in which the protocol has the reference of an element.
    static let key = "element-6066-11e4-a52e-4f735466cecf"

    /// Scrolls the element to the middle of the window and clicks it: the driver may leave it below a sticky element.
    public func click() throws {
        let argument: ParsedJSON = .object([Self.key: .string(reference)])
        try window.execute("arguments[0].scrollIntoView({ block: 'center' })", [argument])
        _ = try window.command("POST", "/element/\(reference)/click", [:])
    }

    /// Types `text` with the keyboard, after the existing text.
    public func type(_ text: String) throws {
        _ = try window.command("POST", "/element/\(reference)/value", ["text": .string(text)])
    }

    /// Clears a field.
    public func clear() throws {
        _ = try window.command("POST", "/element/\(reference)/clear", [:])
    }

    /// The visible text.
    public var text: String {
        get throws { try window.command("GET", "/element/\(reference)/text").string ?? "" }
    }

    /// An attribute of the element; nil when there is none.
    public func attribute(_ name: String) throws -> String? {
        try window.command("GET", "/element/\(reference)/attribute/\(name)").string
    }
}
