import Foundation
import TestSupport

/// What a file of TypeScript declarations declares, as far as `tidings.d.ts` goes: each member on a line of its own, in a
/// class or an interface whose end stands alone on a line.
struct TypeDeclarations {
    /// A member of a class or an interface.
    struct Member: Equatable {
        let name: String
        let isStatic: Bool
        /// The parameters that must be given, when it is a method.
        let needed: Int?
    }

    private let lines: [Substring]

    init(_ text: String) {
        lines = text.split(separator: "\n")
    }

    /// The members of a class or an interface, in their order, without the constructor.
    ///
    /// - Throws: ``TestSupportError`` when there is none of that name.
    func members(of name: String) throws -> [Member] {
        let start = lines.firstIndex { line in
            let words = line.split { " <{".contains($0) }
            return zip(words, words.dropFirst()).contains { ["class", "interface"].contains($0) && $1 == name }
        }
        guard let start else { throw TestSupportError("nothing named \(name) is declared") }
        let indent = lines[start].prefix { $0 == " " }.count
        let mark = String(repeating: " ", count: indent) + "}"
        let end = lines[start...].firstIndex { $0.hasPrefix(mark) } ?? lines.endIndex
        return lines[(start + 1)..<end].compactMap { line in
            guard line.prefix(while: { $0 == " " }).count == indent + 2 else { return nil }
            return Self.member(line.drop { $0 == " " })
        }
    }

    /// The texts that a type stands for: `type NAME = | "one" | "two";`, one a line.
    func alternatives(of name: String) -> [String] {
        guard let start = lines.firstIndex(where: { $0.hasSuffix("type \(name) =") }) else { return [] }
        let rest = lines[(start + 1)...]
        let end = rest.firstIndex { $0.hasSuffix(";") } ?? start
        return rest[...end].compactMap { $0.firstMatch(of: /\| "(\w+)"/).map { String($0.1) } }
    }

    private static func member(_ line: Substring) -> Member? {
        let shape = /(static )?(?:readonly )?(\w+)\??(?:<[^(]*>)?([(:])(.*)/
        guard let found = line.wholeMatch(of: shape), found.2 != "constructor" else { return nil }
        var needed: Int?
        if found.3 == "(" {
            let parameters = found.4.prefix { $0 != ")" }.split(separator: ", ")
            needed = parameters.count { $0.contains(/^\w+:/) }
        }
        return Member(name: String(found.2), isStatic: found.1 != nil, needed: needed)
    }
}
