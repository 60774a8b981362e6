import JSON
import Pipeline

/// Decides what becomes of a comment. May be shared by the lanes of one thread: it remembers nothing.
///
/// A banned author's events are dropped: somebody has decided that already. A blocked word, a blocked pattern, too many
/// links and too many comments are signs, which a person may judge: they are held, or dropped when holding is off. A
/// `comment.deleted` always passes, whoever sends it.
public final class Moderator {
    let options: ModerateOptions
    private let terms: BlockedTerms

    /// - Throws: ``CommentsError`` that names the word or pattern that cannot be used.
    public init(_ options: ModerateOptions) throws(CommentsError) {
        self.options = options
        terms = try BlockedTerms(words: options.blockedWords, patterns: options.blockedPatterns)
    }

    func decide(_ event: Event, standing: AuthorStandings.Standing) -> Disposition {
        guard EventType.of(event.fields) != EventType.deleted else { return .forward([event]) }
        if standing.isBanned { return .drop(reason: "banned_author") }
        guard let finding = finding(event.fields, standing) else { return .forward([event]) }
        return options.hold ? .hold(event, reason: finding.sentence) : .drop(reason: finding.reason)
    }

    /// What speaks against an event: a word for the counter, a sentence for a person.
    fileprivate struct Finding {
        let reason: String
        let sentence: String
    }

    private func finding(_ fields: JSONObject, _ standing: AuthorStandings.Standing) -> Finding? {
        if let text = fields["text"]?.string {
            let folded = TextFolding.folded(text)
            if let term = terms.first(in: folded) { return Finding(term, in: "The text") }
            if let most = options.maxLinks {
                let links = LinkCount.links(in: folded)
                if links > most {
                    return Finding(
                        reason: "too_many_links", sentence: "The text has \(links) links, at most \(most) are allowed.")
                }
            }
        }
        if let name = Author(of: fields).name, let term = terms.first(in: TextFolding.folded(name)) {
            return Finding(term, in: "The author's name")
        }
        if let rate = options.authorRate, standing.recentComments > Int64(rate.count) {
            return Finding(
                reason: "author_rate",
                sentence: "The author has written \(standing.recentComments) comments within \(rate.seconds) seconds, "
                    + "at most \(rate.count) are allowed.")
        }
        return nil
    }
}

extension Moderator.Finding {
    fileprivate init(_ term: BlockedTerms.Term, in place: String) {
        switch term {
        case .word(let word):
            self.init(reason: "blocked_word", sentence: "\(place) contains the blocked word \"\(word)\".")
        case .pattern(let pattern):
            self.init(reason: "blocked_pattern", sentence: "\(place) matches the blocked pattern \"\(pattern)\".")
        }
    }
}
