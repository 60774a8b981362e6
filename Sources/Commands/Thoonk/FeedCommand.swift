import ArgumentParser

/// `tidings feed`: feeds and sorted feeds of the Thoonk contract, and what all types of feed have in common.
struct FeedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feed",
        abstract: "Thoonk feeds: list, create, publish, read, follow; sorted feeds.",
        discussion: """
            An item is any bytes. 'publish' is for feeds; append, prepend, insert, edit and move are for sorted feeds, whose \
            items stand in an order of your own. list, create, configure, delete and tail know queues and job feeds, too. \
            What is put into a feed that is not there makes it.

            Examples:
              tidings feed create news --max-length 100
              tidings feed publish news 'hello'
              tail -f app.ndjson | tidings feed publish log
              tidings feed get news --json
              tidings feed tail news --json | jq .item
              tidings feed insert agenda --after 3 'coffee'
            """,
        subcommands: [
            FeedList.self, FeedCreate.self, FeedConfigure.self, FeedDelete.self, FeedGet.self, FeedIds.self,
            FeedPublish.self, FeedRetract.self, FeedTail.self, FeedAppend.self, FeedPrepend.self, FeedInsert.self,
            FeedEdit.self, FeedMove.self,
        ])
}
