import Foundation

/// A program of this package that was built together with the tests.
public enum BuiltProgram {
    /// Where the program of that name stands: beside the program that runs the tests.
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
