import Foundation

/// The `tidings` program that was built with the tests.
public enum TidingsBinary {
    /// Its path: `TIDINGS_BINARY`, or else in the folder of the program that runs the tests.
    ///
    /// - Throws: ``TestSupportError`` when it is not there.
    public static var path: String {
        get throws {
            if let named = ProcessInfo.processInfo.environment["TIDINGS_BINARY"] { return named }
            return try BuiltProgram.path(of: "tidings")
        }
    }

    /// Starts `tidings ARGUMENTS` and returns at once.
    public static func launch(
        _ arguments: [String], environment: [String: String] = [:], input: String = "", in folder: String? = nil
    ) throws -> ChildProcess {
        try ChildProcess(path, arguments, environment: environment, input: input, in: folder)
    }

    /// Runs `tidings ARGUMENTS` until it ends.
    public static func run(
        _ arguments: [String], environment: [String: String] = [:], input: String = "", in folder: String? = nil,
        within seconds: Double = 30
    ) throws -> CommandResult {
        try ChildProcess.run(
            path, arguments, environment: environment, input: input, in: folder, within: seconds)
    }
}

/// A program of this package that was built with the tests.
public enum BuiltProgram {
    /// The path of a program in the folder of the program that runs the tests.
    ///
    /// - Throws: ``TestSupportError`` when it is not there.
    public static func path(of name: String) throws -> String {
        let programs = ["/proc/self/exe", CommandLine.arguments.first ?? "."]
        let candidates = programs.map { program in
            URL(fileURLWithPath: program).resolvingSymlinksInPath().deletingLastPathComponent()
                .appendingPathComponent(name).path
        }
        guard let found = candidates.first(where: FileManager.default.isExecutableFile) else {
            throw TestSupportError("no \(name) program at \(candidates.joined(separator: ", ")); run swift build")
        }
        return found
    }
}
