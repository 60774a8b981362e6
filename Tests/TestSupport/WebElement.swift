/// An element of a page in a ``WebWindow``.
public struct WebElement {
    let window: WebWindow
    let reference: String

    /// The name under which the protocol carries a reference to an element.
    static let key = "element-6066-11e4-a52e-4f735466cecf"

    /// Brings it to the middle of the window and clicks it: the driver alone may leave it below something sticky.
    public func click() throws {
        let argument: ParsedJSON = .object([Self.key: .string(reference)])
        try window.execute("arguments[0].scrollIntoView({ block: 'center' })", [argument])
        _ = try window.command("POST", "/element/\(reference)/click", [:])
    }

    /// Types `text` as a keyboard does, after what is there.
    public func type(_ text: String) throws {
        _ = try window.command("POST", "/element/\(reference)/value", ["text": .string(text)])
    }

    /// Empties a field.
    public func clear() throws {
        _ = try window.command("POST", "/element/\(reference)/clear", [:])
    }

    /// The text as a person sees it.
    public var text: String {
        get throws { try window.command("GET", "/element/\(reference)/text").string ?? "" }
    }

    /// An attribute of the markup; nil when there is none.
    public func attribute(_ name: String) throws -> String? {
        try window.command("GET", "/element/\(reference)/attribute/\(name)").string
    }
}
