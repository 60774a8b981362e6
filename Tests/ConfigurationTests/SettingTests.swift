import Console
import Testing

@testable import Commands
@testable import Configuration

/// One declaration of each setting, and one resolver of flag, environment, file and default.
struct SettingTests {
    @Test("every setting has a place where it is said, a meaning, and a key, flag or variable that no other has")
    func declarations() {
        for setting in Settings.all {
            #expect(setting.key != nil || setting.flag != nil, "\(setting.meaning)")
            #expect(!setting.meaning.isEmpty && !setting.meaning.hasSuffix("."), "\(setting.meaning)")
            if let variable = setting.variable { #expect(variable.hasPrefix("TIDINGS_")) }
        }
        let keys = Settings.all.compactMap(\.key)
        #expect(Set(keys).count == keys.count)
        let variables = Settings.all.compactMap(\.variable)
        #expect(Set(variables).count == variables.count)
    }

    private func expectPrecedence<Value: Equatable>(
        _ setting: Setting<Value>, flag: (String, Value), variable: (String, Value), file: Value
    ) throws {
        let nothing: (String) -> String? = { _ in nil }
        #expect(try setting.resolve(flag: flag.0, file: file, environment: { _ in variable.0 }) == flag.1)
        if setting.variable != nil {
            #expect(
                try setting.resolve(file: file) { $0 == setting.variable ? variable.0 : nil } == variable.1)
        }
        #expect(try setting.resolve(file: file, environment: nothing) == file)
        #expect(try setting.resolve(environment: nothing) == setting.defaultValue)
    }

    @Test("flag over environment over file over default")
    func precedence() throws {
        try expectPrecedence(Settings.Edge.listen, flag: ("a:1", "a:1"), variable: ("b:2", "b:2"), file: "c:3")
        try expectPrecedence(Settings.Edge.hold, flag: ("1", 1), variable: ("2", 2), file: 3)
        try expectPrecedence(Settings.Edge.drain, flag: ("0", 0), variable: ("3600", 3600), file: 3)
        try expectPrecedence(Settings.Global.redis, flag: ("a", "a"), variable: ("b", "b"), file: "c")
        try expectPrecedence(
            Settings.Access.apiRate, flag: ("none", nil), variable: ("5/min", Rate(count: 5, milliseconds: 60_000)),
            file: Rate(count: 7, milliseconds: 1000))
        try expectPrecedence(Settings.Access.apiBurst, flag: ("1", 1), variable: ("2", 2), file: 3)
        try expectPrecedence(Settings.Enqueue.patience, flag: ("1s", 1000), variable: ("2m", 120_000), file: 3)
        try expectPrecedence(Settings.Edge.dashboard, flag: ("true", .everyone), variable: ("", .off), file: .local)
    }

    @Test("an error names the flag or the variable, what it takes and what it says, and is wrong use")
    func errors() {
        for (text, variable, expected) in [
            ("56", nil, "--hold takes 1 to 55, not '56'"), (nil, "x", "TIDINGS_HOLD takes 1 to 55, not 'x'"),
        ] as [(String?, String?, String)] {
            #expect {
                try Settings.Edge.hold.resolve(flag: text, environment: { _ in variable })
            } throws: { error in
                (error as? CommandError)?.exitCode == 2 && "\(error)" == expected
            }
        }
        for (setting, text, expected) in [
            (Settings.Processes.maxMemory, "many", "--max-memory takes a size such as 512MB, or 0, not 'many'"),
            (Settings.Processes.redisMemory, "63MB", "--redis-memory takes a size of 64MB or more"),
            (Settings.Processes.silence, "9s", "--silence takes a time of 10s or more, or 0s, not '9s'"),
            (Settings.Processes.maxAge, "12", "--max-age takes a time such as 90s or 12h, not '12'"),
            (Settings.Processes.deathWindow, "0s", "--death-window takes a time of 1s or more, not '0s'"),
            (Settings.Enqueue.batch, "5001", "--batch takes 1 to 5000, not '5001'"),
            (Settings.Global.log, "loud", "--log takes trace, debug, info, notice, warning or error, not 'loud'"),
        ] as [(any SettingDeclaration, String, String)] {
            #expect {
                try setting.check(text, from: "--\(setting.flag ?? "")")
            } throws: { error in
                if !"\(error)".hasPrefix(expected) { Issue.record("\(error)\nwanted: \(expected)") }
                return true
            }
        }
    }

    @Test("0 switches off what can be switched off, and for ever is a hundred years")
    func extremes() throws {
        #expect(try Settings.Processes.redisMemory.parse("0", from: "") == 0)
        #expect(try Settings.Processes.redisMemory.parse("64MB", from: "") == 64 << 20)
        #expect(try Settings.Processes.silence.parse("0s", from: "") == 0)
        #expect(try Settings.Processes.silence.parse("10s", from: "") == 10_000)
        #expect(try Settings.Enqueue.patience.parse("99999999d", from: "") == 36_500 * 86_400_000)
    }

    @Test("rates are written with the unit that they were read with, or its usual name")
    func rates() {
        for (text, written) in [
            ("30/min", "30/min"), ("1/s", "1/s"), ("5/sec", "5/s"), ("7/hour", "7/hour"), ("7/d", "7/day"),
        ] {
            #expect(Rate(text)?.text == written)
        }
        for text in ["", "30", "0/s", "-1/s", "1/week", "1/s/s", "x/s"] { #expect(Rate(text) == nil, "\(text)") }
    }
}
