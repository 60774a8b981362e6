import Events
import JSON
public import Pipeline
import Signing

/// `webhook`: sends each event to an HTTP receiver, signed, and passes it on unchanged. docs/webhooks.md describes the
/// requests.
///
/// An event is delivered when the receiver responds with a status of 200 to 299. Otherwise it is sent again: the order
/// of its conversation holds, and the batch's other conversations are sent meanwhile. Delivery is at least once: after
/// a crash an event may be sent again, with the same id (`webhook-id`).
public final class WebhookStage: Stage {
    private let client: WebhookClient
    private var schedule: WebhookSchedule
    private var batch: [Event] = []
    private var ready: ((StageError?) -> Void)?
    /// The requests in flight: the client's number of each, by the event's index in the batch.
    private var calls: [Int: UInt64] = [:]
    private var generator = SystemRandomNumberGenerator()

    /// - Parameter client: all lanes of the worker share it.
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

    /// Sends the events that can be sent now. Takes at most the window of the schedule and the time of one request.
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
        // No channels: ends the event in the last stage, and passes it on in any other.
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

    /// The conversation by which the inlets choose the partition. Events without one keep their order as well.
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
