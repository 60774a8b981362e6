import ArgumentParser

/// `tidings queue`: queues of the Thoonk contract.
struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Thoonk queues: put, get, length.",
        discussion: """
            What is put is got by one, oldest first, and is gone then. What must not be lost when its taker dies is a job: \
            see 'tidings job'. 'tidings feed' lists, creates, configures and deletes queues as well.

            Examples:
              tidings queue put mail 'to: ada' 'to: grace'
              tidings queue put mail < mails.ndjson
              tidings queue get mail --timeout 10s
            """,
        subcommands: [QueuePut.self, QueueGet.self, QueueLength.self])
}
