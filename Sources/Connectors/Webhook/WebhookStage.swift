import Events
import JSON
public import Pipeline
import Signing

/// `webhook`: sends each event to an HTTP receiver, signed, and hands it on unchanged. docs/webhooks.md says what is sent.
///
/// Delivered is what was answered with a status of 200 to 299. Anything else is tried again, in place: order within a
/// conversation holds, other conversations of the batch are sent meanwhile. At least once: after a crash an event may be
/// sent again, with the same number (`webhook-id`).
public final class WebhookStage: Stage {
    private let client: WebhookClient
    private var schedule: WebhookSchedule
    private var batch: [Event] = []
    private var ready: ((StageError?) -> Void)?
    /// Requests under way: the client's number by the event's place in the batch.
    private var calls: [Int: UInt64] = [:]
    private var generator = SystemRandomNumberGenerator()

    /// - Parameter client: the same one for all lanes of a worker.
    public convenience init(_ client: WebhookClient) {
        self.init(client, schedule: WebhookSchedule(inFlight: client.options.inFlight))
    }

    init(_ client: WebhookClient, schedule: WebhookSchedule) {
        self.client = client
        self.schedule = schedule
    }

    deinit {
        for call in calls.values { client.cancel(call) }
    }

    /// Sends what can be sent now; takes no longer than the window and the time of one request.
    public func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void) {
        do throws(ConnectorsError) {
            try client.start(on: context.loop)
        } catch {
            return ready(StageError(error.message))
        }
        do throws(SigningError) {
            schedule.begin(try arrivals(batch), at: Clock.monotonicMilliseconds())
        } catch {
            return ready(StageError(error.message))
        }
        self.batch = batch
        self.ready = ready
        proceed()
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        try schedule.decide()
        // No channels: the end when this is the last stage, else handed on.
        return .publish(event, channels: [])
    }

    private func arrivals(_ batch: [Event]) throws(SigningError) -> [WebhookSchedule.Arrival] {
        try batch.map { (event) throws(SigningError) in
            let isWanted = client.options.types.map { $0.contains(event.fields["type"]?.string ?? "") } ?? true
            return WebhookSchedule.Arrival(
                id: try WebhookID(of: event.bytes), conversation: WebhookStage.conversation(of: event.fields),
                isWanted: isWanted)
        }
    }

    /// As the doors see it. Events that name none keep their order as well.
    private static func conversation(of fields: JSONObject) -> String {
        switch fields["thread"] {
        case .string(let name): name
        case .int(let number): String(number)
        case .uint(let number): String(number)
        default: ""
        }
    }

    private func proceed() {
        let now = Clock.monotonicMilliseconds()
        while !client.isPaused(at: now), let (index, id) = schedule.next(at: now) { send(index, id) }
        guard schedule.inFlight == 0, let ready else { return }
        self.ready = nil
        batch = []
        ready(nil)
    }

    private func send(_ index: Int, _ id: WebhookID) {
        do throws(ConnectorsError) {
            calls[index] = try client.post(batch[index].bytes, id: id) { [weak self] outcome in
                self?.answered(index, outcome)
            }
        } catch {
            schedule.finished(
                index, .failed(error.message), at: Clock.monotonicMilliseconds(), using: &generator)
        }
    }

    private func answered(_ index: Int, _ outcome: WebhookOutcome) {
        calls[index] = nil
        schedule.finished(index, outcome, at: Clock.monotonicMilliseconds(), using: &generator)
        proceed()
    }
}
