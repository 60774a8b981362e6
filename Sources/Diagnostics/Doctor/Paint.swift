/// Colours for a terminal; plain text elsewhere.
struct Paint {
    let isOn: Bool

    func bold(_ text: String) -> String { wrap(text, "1") }
    func red(_ text: String) -> String { wrap(text, "31") }
    func green(_ text: String) -> String { wrap(text, "32") }

    func level(_ level: FindingLevel, _ text: String) -> String {
        switch level {
        case .note: wrap(text, "36")
        case .warning: wrap(text, "33")
        case .fault: wrap(text, "31")
        }
    }

    private func wrap(_ text: String, _ code: String) -> String {
        isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
