import TestSupport
import Testing

/// Wrong flags and variables, as the program answers them.
struct WrongSettingTests {
    @Test("a wrong flag or variable is wrong use: named, with what it takes, before anything starts")
    func wrongUse() throws {
        for (arguments, environment, expected) in [
            (["edge", "--url-bytes", "1"], [:], "--url-bytes takes 64B to 64KB, not '1'"),
            (["up", "--header-timeout", "0s"], [:], "--header-timeout takes 1s to 1h, not '0s'"),
            (["edge"], ["TIDINGS_MAX_CHANNELS": "many"], "TIDINGS_MAX_CHANNELS takes 1 to 10000000, not 'many'"),
            (["up"], ["TIDINGS_RING_BYTES": "1"], "TIDINGS_RING_BYTES takes 1KB to 1GB, not '1'"),
            (["edge"], ["TIDINGS_HOLD": "56"], "TIDINGS_HOLD takes 1 to 55, not '56'"),
            (["edge"], ["TIDINGS_DRAIN": "-1"], "TIDINGS_DRAIN takes 0 to 3600, not '-1'"),
            (["edge"], ["TIDINGS_API_RATE": "fast"], "TIDINGS_API_RATE takes a number per s"),
            (["up"], ["TIDINGS_API_BURST": "0"], "TIDINGS_API_BURST takes 1 to 1000000, not '0'"),
            (["work"], ["TIDINGS_WORKERS": "0"], "TIDINGS_WORKERS takes 1 to 256, not '0'"),
            (["work"], ["TIDINGS_LOG": "loud"], "TIDINGS_LOG takes trace, debug, info, notice, warning or error, not"),
        ] as [([String], [String: String], String)] {
            let result = try TidingsBinary.run(
                arguments + ["--redis", "unix:///nowhere"]
                    + (arguments[0] == "work" ? [] : ["--listen", "127.0.0.1:0"]), environment: environment)
            #expect(result.exit == .code(2) && result.errors.contains(expected), "\(result.errors)")
        }
    }

    @Test(
        "flags are checked before anything starts",
        arguments: [
            (["--origin", "https://example.org/"], "--origin takes scheme://host"),
            (["--api-rate", "fast"], "--api-rate takes"),
            (["--api-burst", "0"], "--api-burst takes"), (["--token-bytes", "1"], "--token-bytes takes"),
        ])
    func flags(arguments: [String], expected: String) throws {
        let result = try TidingsBinary.run(["edge", "--redis", "unix:///nowhere"] + arguments)
        #expect(result.exit == .code(2) && result.errors.contains(expected), "\(result.errors)")
    }
}
