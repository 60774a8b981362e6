package import Console

/// What help, the manual and tests read of a setting, whatever the type of its value is.
package protocol SettingDeclaration: Sendable {
    /// Where the setting stands in tidings.yaml, from the top of the file: `edge.hold`. Nil: it has no key. An option of a
    /// stage has the stage's kind in its key: `stages.validate.max_bytes`, `stages.exec.timeout`.
    var key: String? { get }
    /// The flag without its dashes: `hold`. Nil: it has no flag.
    var flag: String? { get }
    /// The variable of the environment. Nil: it has none.
    var variable: String? { get }
    /// One line for a person, without a full stop.
    var meaning: String { get }
    /// What a flag or a variable takes: `1 to 55`. Empty: any text.
    var range: String { get }
    /// What the key takes: `1s to 55s`. The same as ``range`` but for settings whose flag is a plain number.
    var keyRange: String { get }
    /// The default as people write it, or in words; nil: there is none.
    var defaultText: String? { get }
    /// Checks what a flag or a variable says.
    ///
    /// - Parameter source: the flag or the variable, as it is written.
    /// - Throws: ``CommandError`` with exit code 2.
    func check(_ text: String, from source: String) throws(CommandError)
}

extension SettingDeclaration {
    /// The last part of the key: what it is called within its part of the file.
    package var name: String { key.flatMap { $0.split(separator: ".").last }.map(String.init) ?? "" }

    /// For `--help`: the meaning, and where else the setting is found.
    package var help: String {
        let places = [variable.map { "env \($0)" }, key.map { "key \($0)" }].compactMap { $0 }.joined(separator: ", ")
        let notes = [places, defaultText.map { "default \($0)" } ?? ""].filter { !$0.isEmpty }
        return notes.isEmpty ? "\(meaning)." : "\(meaning). (\(notes.joined(separator: "; ")))"
    }
}

/// One setting, declared once: where people say it, what it takes, its default and its meaning.
///
/// Where several places say it the flag counts most, then the environment, then tidings.yaml, then the default: see
/// ``resolve(flag:file:environment:)``. Help, the manual's tables (by their test) and the readers of tidings.yaml all use
/// the declaration.
package struct Setting<Value: Sendable>: SettingDeclaration {
    package let key: String?
    package let flag: String?
    package let variable: String?
    package let form: SettingForm<Value>
    package let defaultValue: Value
    package let defaultText: String?
    package let meaning: String

    /// - Parameter otherwise: the default in words, where it depends on something.
    package init(
        key: String? = nil, flag: String? = nil, variable: String? = nil, _ form: SettingForm<Value>,
        default value: Value, otherwise: String? = nil, _ meaning: String
    ) {
        self.key = key
        self.flag = flag
        self.variable = variable
        self.form = form
        defaultValue = value
        defaultText = otherwise ?? form.text(value)
        self.meaning = meaning
    }

    package var range: String { form.range }
    package var keyRange: String { form.keyRange }

    package func check(_ text: String, from source: String) throws(CommandError) {
        _ = try parse(text, from: source)
    }

    /// Reads what a flag or a variable says.
    ///
    /// - Throws: ``CommandError`` with exit code 2 that names the source, what it takes and what it says.
    package func parse(_ text: String, from source: String) throws(CommandError) -> Value {
        guard let value = form.parse(text) else {
            throw CommandError("\(source) takes \(range), not '\(text)'", exitCode: 2)
        }
        return value
    }

    /// Flag over environment over file over default.
    ///
    /// - Parameters:
    ///   - flag: what the command line says; nil: nothing.
    ///   - file: what tidings.yaml says; nil: nothing.
    /// - Throws: ``CommandError`` for a flag or a variable that is not in ``range``.
    package func resolve(
        flag text: String? = nil, file: Value? = nil, environment: (String) -> String? = Terminal.environment
    ) throws(CommandError) -> Value {
        if let text { return try parse(text, from: "--\(flag ?? "")") }
        if let variable, let text = environment(variable) { return try parse(text, from: variable) }
        return file ?? defaultValue
    }
}

/// A setting that is no single value but a list or a part of the file with keys of its own: only tidings.yaml has it, and
/// the type that it becomes reads it.
package struct CompoundSetting: SettingDeclaration {
    package let key: String?
    package let keyRange: String
    package let defaultText: String?
    package let meaning: String
    package var flag: String? { nil }
    package var variable: String? { nil }
    package var range: String { keyRange }

    init(key: String, range: String = "", otherwise: String? = "none", _ meaning: String) {
        self.key = key
        keyRange = range
        defaultText = otherwise
        self.meaning = meaning
    }

    package func check(_ text: String, from source: String) {}
}

/// A setting together with the property that it sets when tidings.yaml has its key.
package struct SettingField<Root>: Sendable {
    package let setting: any SettingDeclaration
    private let store: @Sendable (ConfigurationNode, inout Root) throws -> Void

    package init<Value>(_ setting: Setting<Value>, _ path: any (WritableKeyPath<Root, Value> & Sendable)) {
        self.init(setting) { $1[keyPath: path] = $0 }
    }

    /// For a property that is nil as long as the file does not say it.
    package init<Value>(_ setting: Setting<Value>, given path: any (WritableKeyPath<Root, Value?> & Sendable)) {
        self.init(setting) { $1[keyPath: path] = $0 }
    }

    /// For a property of another type.
    package init<Value>(_ setting: Setting<Value>, store: @escaping @Sendable (Value, inout Root) -> Void) {
        self.setting = setting
        self.store = { node, root in store(try setting.form.read(node), &root) }
    }

    /// Sets the property if the file has the key.
    ///
    /// - Parameter members: those of the part of the file that the setting stands in.
    /// - Throws: ``ConfigurationError`` for a value that the setting does not take.
    func read(_ members: [String: ConfigurationNode], into root: inout Root) throws {
        if let node = members[setting.name] { try store(node, &root) }
    }
}

extension [String: ConfigurationNode] {
    /// Sets all that these members say.
    func read<Root>(_ fields: [SettingField<Root>], into root: inout Root) throws {
        for field in fields { try field.read(self, into: &root) }
    }
}
