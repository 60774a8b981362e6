import ArgumentParser
import Console

/// The names of all commands, as a command line says them: `dead list`. Says what a mistyped one may mean. Pure.
struct CommandNames {
    private let root: any ParsableCommand.Type

    /// Suggestions for one word at most.
    private static let most = 3

    init(root: any ParsableCommand.Type) {
        self.root = root
    }

    /// Checks the words in front of the first option.
    ///
    /// - Throws: ``CommandError`` with exit code 2 when one of them stands where only a command can stand, and is none.
    func check(_ arguments: [String]) throws(CommandError) {
        var command: any ParsableCommand.Type = root
        var path = [root._commandName]
        for word in arguments.first == "help" ? arguments.dropFirst() : arguments[...] {
            let below = command.configuration.subcommands
            if below.isEmpty || word.isEmpty || word.hasPrefix("-") { return }
            guard let next = below.first(where: { $0._commandName == word }) else {
                throw unknown(word, in: path, below.map { $0._commandName })
            }
            command = next
            path.append(word)
        }
    }

    private func unknown(_ word: String, in path: [String], _ names: [String]) -> CommandError {
        let near = names.filter { $0.hasPrefix(word) || word.distance(to: $0) <= max(1, word.count / 3) }
            .sorted { word.distance(to: $0) < word.distance(to: $1) }
        var meant = near.map { (path + [$0]).joined(separator: " ") }
        // `tidings retry`: the right word, a level too high.
        if meant.isEmpty {
            meant = paths(below: root, [root._commandName]).filter { $0.last == word }.map { $0.joined(separator: " ") }
        }
        let place = path.count == 1 ? "no command" : "'\(path.joined(separator: " "))' has no command"
        let help = (path.prefix(1) + ["help"] + path.dropFirst()).joined(separator: " ")
        let advice =
            meant.isEmpty
            ? "'\(help)' lists those that there are"
            : "did you mean " + meant.prefix(CommandNames.most).map { "'\($0)'" }.joined(separator: " or ") + "?"
        return CommandError("\(place) '\(word)'; \(advice)", exitCode: 2)
    }

    private func paths(below command: any ParsableCommand.Type, _ path: [String]) -> [[String]] {
        command.configuration.subcommands.flatMap { next in
            [path + [next._commandName]] + paths(below: next, path + [next._commandName])
        }
    }
}

extension String {
    /// How many letters have to be added, removed, replaced or swapped with their neighbour to make the other word of this
    /// one. (Optimal string alignment.)
    fileprivate func distance(to other: String) -> Int {
        let (from, to) = (Array(self), Array(other))
        var (before, last) = ([Int](), Array(0...to.count))
        for row in 0..<from.count {
            var line = [row + 1]
            for column in 0..<to.count {
                let isSame = from[row] == to[column]
                var least = Swift.min(last[column] + (isSame ? 0 : 1), last[column + 1] + 1, line[column] + 1)
                if row > 0, column > 0, from[row] == to[column - 1], from[row - 1] == to[column] {
                    least = Swift.min(least, before[column - 1] + 1)
                }
                line.append(least)
            }
            (before, last) = (last, line)
        }
        return last[to.count]
    }
}
