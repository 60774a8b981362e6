internal import Store

/// The stage `incoming`: assigns each event to the partition of its conversation.
///
/// An event that names no conversation goes to the first partition, where the first stage says what is wrong with it.
final class PartitionStage: Stage {
    private let layout: PipelineLayout

    init(layout: PipelineLayout) {
        self.layout = layout
    }

    func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        .assign(event, partition: partition(of: event))
    }

    private func partition(of event: Event) -> Int {
        ConversationKey.conversation(of: event.fields).map(layout.partition(of:)) ?? 0
    }
}
