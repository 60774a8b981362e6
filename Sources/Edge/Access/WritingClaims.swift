import JSON
import Store

/// The claims of a token by which its holder writes: `sub`, `name`, `write`, `moderator`.
///
/// Readers' tokens may have anything there: what is wrong is told to who writes with the token.
enum WritingClaims: Equatable {
    case person(PersonClaims)
    /// The token cannot write, and why.
    case unable(Problem)

    enum Problem: Equatable {
        /// `sub` is missing, or cannot be an author.
        case subject
        /// `write` or `moderator` cannot be read.
        case scope

        /// Without a quotation mark: it also stands in a header field.
        var message: StaticString {
            switch self {
            case .subject:
                """
                the token needs the claim sub to write: who the author is, 1 to 128 bytes without control characters, \
                braces and white space at the ends
                """
            case .scope:
                """
                the token's claims write and moderator are lists such as [thread:*, forum:music]; moderator may be true
                """
            }
        }
    }

    /// - Parameters:
    ///   - object: the claims of a token whose signature was verified.
    ///   - limit: the largest number of patterns in a list.
    init(_ object: JSONObject, limit: Int) {
        guard let subject = object["sub"]?.string, WritingClaims.isAuthor(subject) else {
            self = .unable(.subject)
            return
        }
        var person = PersonClaims(subject: subject)
        if let name = object["name"]?.string, PostedAuthor.isName(name) { person.name = name }
        if let list = object["write"] {
            guard let patterns = ChannelPattern.list(list, 0...limit) else {
                self = .unable(.scope)
                return
            }
            person.write = patterns
        }
        switch object["moderator"] {
        case nil, .bool(false): person.moderates = []
        case .bool(true): person.moderates = nil
        case .some(let list):
            guard let patterns = ChannelPattern.list(list, 0...limit) else {
                self = .unable(.scope)
                return
            }
            person.moderates = patterns
        }
        self = .person(person)
    }

    /// The rule of `author.id` in the stage `validate`, and the bound of a sender.
    private static func isAuthor(_ subject: String) -> Bool {
        guard Sender(subject: subject, isModerator: false) != nil else { return false }
        let isPart = subject.unicodeScalars.allSatisfy { $0 != "{" && $0 != "}" && !PostedAuthor.isControl($0) }
        return isPart && subject.first?.isWhitespace == false && subject.last?.isWhitespace == false
    }
}

/// Who writes, by a verified token.
struct PersonClaims: Equatable, Sendable {
    /// `sub`: the author.
    let subject: String
    /// `name`: how readers see the author.
    var name: String?
    /// `write`: where it may post; nil: anywhere.
    var write: [ChannelPattern]?
    /// `moderator`: where its holder is a moderator; nil: everywhere.
    var moderates: [ChannelPattern]? = []

    init(subject: String) {
        self.subject = subject
    }

    /// Who sends an event that names these channels.
    ///
    /// - Throws: ``PostRefusal`` (403) when it may not post into one of them.
    func sender(into channels: [String]) throws(PostRefusal) -> Sender {
        if let write {
            for channel in channels where !write.contains(where: { $0.matches(channel) }) {
                throw .scope(channel)
            }
        }
        let isModerator = moderates.map { patterns in
            !channels.isEmpty && channels.allSatisfy { channel in patterns.contains { $0.matches(channel) } }
        }
        guard let sender = Sender(subject: subject, isModerator: isModerator ?? true) else { throw .sender }
        return sender
    }
}
