import ArgumentParser
import Configuration
import Console

/// The settings that a command takes as flags.
protocol SettingGroup {
    static var settings: [any SettingDeclaration] { get }
}

/// A flag with a value for each setting of a group, made from the declarations: nothing is written for a flag but
/// its declaration.
///
/// ArgumentParser finds the options of a type in its mirror, and decodes each by its label there. So the mirror has an option
/// for each setting, in place of a property.
struct SettingFlags<Group: SettingGroup>: ParsableArguments, CustomReflectable {
    /// What the command line says, by flag.
    private var texts: [String: String] = [:]

    private struct Label: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init() {}

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Label.self)
        for flag in Group.settings.compactMap(\.flag) {
            texts[flag] = try container.decode(Option<String?>.self, forKey: Label(stringValue: flag)).wrappedValue
        }
    }

    var customMirror: Mirror {
        Mirror(
            self,
            children: Group.settings.compactMap { setting in
                setting.flag.map { ($0, Option<String?>(name: .customLong($0), help: ArgumentHelp(setting))) }
            })
    }

    func validate() throws {
        for setting in Group.settings {
            guard let flag = setting.flag, let text = texts[flag] else { continue }
            try setting.checkFlag(text)
        }
    }

    /// What the command line says of a setting; nil: nothing.
    func text(_ setting: some SettingDeclaration) -> String? {
        setting.flag.flatMap { texts[$0] }
    }

    /// Flag over environment over file over default.
    ///
    /// - Parameter file: what tidings.yaml says; nil: nothing.
    /// - Throws: ``CommandError`` for a variable that the setting does not take.
    func value<Value>(
        _ setting: Setting<Value>, file: Value? = nil, environment: (String) -> String? = Terminal.environment
    ) throws(CommandError) -> Value {
        try setting.resolve(flag: text(setting), file: file, environment: environment)
    }

    /// Flag over default, for a setting that is said nowhere else.
    func flag<Value>(_ setting: Setting<Value>) -> Value {
        text(setting).flatMap(setting.form.parse) ?? setting.defaultValue
    }

    /// The same flags again, for a child. It finds the environment and the file itself.
    var words: [String] { words(of: Group.settings) }

    /// Some of these flags again, for a child.
    func words(of settings: [any SettingDeclaration]) -> [String] {
        settings.flatMap { setting -> [String] in
            guard let flag = setting.flag, let text = texts[flag] else { return [] }
            return ["--\(flag)", text]
        }
    }
}

extension SettingDeclaration {
    /// Checks what a flag says, for `validate()`.
    func checkFlag(_ text: String) throws {
        do {
            try check(text, from: "--\(flag ?? "")")
        } catch {
            throw ValidationError(error.description)
        }
    }
}

extension ArgumentHelp {
    /// The help of a setting: its meaning, and where else it is found.
    init(_ setting: any SettingDeclaration, valueName: String? = nil) {
        self.init(setting.help, valueName: valueName)
    }
}

extension NameSpecification {
    /// The flag of a setting.
    static func flag(_ setting: some SettingDeclaration) -> NameSpecification {
        setting.flag.map { .customLong($0) } ?? .long
    }
}
