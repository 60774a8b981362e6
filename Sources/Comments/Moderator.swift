import JSON
import Pipeline
import Store

/// Decides whether a comment passes, is held or is dropped. The lanes of one thread may share it: it keeps no state.
///
/// A banned author's events are dropped, since an operator has decided that already. A blocked word, a blocked pattern,
/// too many links or too many comments make an event suspicious: it is held for a person to decide, or dropped when
/// ``ModerateOptions/hold`` is off. A `comment.deleted`
/// always passes, and so do `thread.closed` and `thread.opened`, which have no text.
public final class Moderator {
    let options: ModerateOptions
    private let words: BlockedWords
    private let patterns: BlockedPatterns

    /// - Throws: ``CommentsError`` that names the word or pattern that cannot be used.
    public init(_ options: ModerateOptions) throws(CommentsError) {
        self.options = options
        words = try BlockedWords(options.blockedWords)
        patterns = try BlockedPatterns(options.blockedPatterns)
    }

    func decide(_ event: Event, standing: AuthorStandings.Standing) -> Disposition {
        let type = EventType.of(event.fields)
        guard type != EventType.deleted, !EventType.isOfConversation(type) else { return .forward([event]) }
        if standing.isBanned { return .drop(reason: "banned_author") }
        guard let finding = finding(event.fields, standing) else { return .forward([event]) }
        return options.hold ? .hold(event, reason: finding.sentence) : .drop(reason: finding.reason)
    }

    /// Why an event does not pass: a label for the metric, a sentence for a person.
    private struct Finding {
        let reason: String
        let sentence: String
    }

    private func finding(_ fields: JSONObject, _ standing: AuthorStandings.Standing) -> Finding? {
        if let text = fields["text"]?.string {
            let folded = TextFolding.folded(text)
            if let finding = blocked(folded, in: "The text") { return finding }
            if let most = options.maxLinks {
                let links = LinkCount.links(in: folded)
                if links > most {
                    return Finding(
                        reason: "too_many_links", sentence: "The text has \(links) links, at most \(most) are allowed.")
                }
            }
        }
        if let name = Author(of: fields).name,
            let finding = blocked(TextFolding.folded(name), in: "The author's name")
        {
            return finding
        }
        if let rate = options.authorRate, standing.isTooMany {
            return Finding(
                reason: "author_rate",
                sentence: "The author has written more than \(rate.count) comments within \(rate.seconds) seconds.")
        }
        return nil
    }

    private func blocked(_ folded: [UInt8], in place: String) -> Finding? {
        if let word = words.first(in: folded) {
            return Finding(reason: "blocked_word", sentence: "\(place) contains the blocked word \"\(word)\".")
        }
        if let pattern = patterns.first(in: folded) {
            return Finding(
                reason: "blocked_pattern", sentence: "\(place) matches the blocked pattern \"\(pattern)\".")
        }
        return nil
    }
}
