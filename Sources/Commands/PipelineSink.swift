import Comments
import Console
import Edge
import Events
import JSON
import Pipeline
import Store

/// Takes posted comments from an edge: checks them as the stage `validate` would, gives each an id, and puts them into
/// the pipeline's queues. It accepts all comments of a request or none.
final class PipelineSink: CommentSink {
    private let layout: PipelineLayout
    private let enqueuer: Enqueuer
    private let trouble: () -> String?
    private var intake: CommentIntake
    private let parser: JSONParser

    /// - Parameters:
    ///   - options: those of the stages that a comment must be able to pass.
    ///   - trouble: why comments cannot be taken now, other than a lost connection; nil: they can. While Redis holds a
    ///     pipeline of another layout, no worker would take them from the queues of this one.
    init(layout: PipelineLayout, enqueuer: Enqueuer, options: CommentIntake.Options, trouble: @escaping () -> String?) {
        self.layout = layout
        self.enqueuer = enqueuer
        self.trouble = trouble
        intake = CommentIntake(options)
        parser = JSONParser(maxBytes: 4 << 20)
    }

    func accept(
        _ body: [UInt8], ndjson: Bool, from writer: CommentWriter, completion: @escaping (CommentVerdict) -> Void
    ) {
        let lines = ndjson ? body.split(separator: UInt8(ascii: "\n")).map(Array.init) : [body]
        var ids: [String] = []
        var events: [Int: [[UInt8]]] = [:]
        var conversations: [Int: Set<String>] = [:]
        for (index, line) in lines.enumerated() where !ndjson || !line.allSatisfy({ $0 <= 32 }) {
            let place = ndjson ? "line \(index + 1): " : ""
            do {
                let taken = try take(line, from: writer)
                ids.append(taken.id)
                events[taken.partition, default: []].append(taken.event)
                if let conversation = taken.toBeOpen {
                    conversations[taken.partition, default: []].insert(conversation)
                }
            } catch let error as TooLarge {
                return completion(.tooLarge(reason: place + error.reason))
            } catch let error as JSONError {
                return completion(.invalid(reason: place + error.message))
            } catch let refusal as PostRefusal where refusal.isForbidden {
                return completion(.forbidden(reason: place + refusal.message))
            } catch let refusal as PostRefusal {
                return completion(.invalid(reason: place + refusal.message))
            } catch {
                return completion(.invalid(reason: place + "\(error)"))
            }
        }
        guard !ids.isEmpty else { return completion(.invalid(reason: "no comment in the body; send one JSON object")) }
        if let trouble = trouble() { return completion(.unavailable(reason: trouble, retryAfter: 1)) }
        enqueuer.enqueue(events, ifOpen: conversations) { result in
            switch result {
            case .success: completion(.accepted(ids: ids))
            case .failure(let error) where error.code == .closed: completion(.conflict(reason: error.message))
            case .failure(let error):
                completion(.unavailable(reason: error.message, retryAfter: error.code == .full ? 2 : 1))
            }
        }
    }

    private struct TooLarge: Error {
        let reason: String
    }

    /// One event on its way into a queue.
    private struct Taken {
        let event: [UInt8]
        let id: String
        let partition: Int
        /// The conversation that must not be closed; nil: a closed one takes the event as well.
        let toBeOpen: String?
    }

    /// Checks one comment, says whose it is, and finds its partition.
    private func take(_ line: [UInt8], from writer: CommentWriter) throws -> Taken {
        let given = try parser.parseObject(line)
        let (fields, sender) = try writer.attribute(given)
        let raw = sender.isApp ? line : fields.bytes
        switch intake.take(raw, fields: fields, now: Clock.unixMilliseconds()) {
        case .refused(let reason): throw CommandError(reason)
        case .tooLarge(let reason): throw TooLarge(reason: reason)
        case .taken(let event, let id):
            let partition = layout.partition(of: Enqueuer.conversation(of: fields) ?? "")
            return Taken(
                event: LeadingMembers.stamp(event, with: sender), id: id, partition: partition,
                toBeOpen: Enqueuer.conversationToBeOpen(for: fields, by: sender))
        }
    }
}
