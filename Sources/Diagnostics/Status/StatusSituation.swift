/// What the advisor judges: a report, what it knows besides, and the shell lines that reach Redis.
package struct StatusSituation {
    package let report: StatusReport
    /// A report of some seconds before, where there is one: it tells what stands from what moves.
    package var earlier: StatusReport?
    /// Events that a queue takes before the stage in front of it stops; 0: no limit.
    package let queueLimit: Int
    /// `redis-cli`, with what it needs to reach this Redis.
    package let client: String

    package init(report: StatusReport, earlier: StatusReport? = nil, queueLimit: Int, client: String) {
        self.report = report
        self.earlier = earlier
        self.queueLimit = queueLimit
        self.client = client
    }

    /// Whether a stage has settled events since the earlier report; nil when that cannot be told.
    func moves(_ stage: StatusStage) -> Bool? {
        report.rate(of: stage.name, since: earlier).map { $0 > 0 }
    }

    func isFull(_ lane: StatusLane) -> Bool {
        queueLimit > 0 && lane.stage != "incoming" && lane.waiting >= Int64(queueLimit)
    }

    func stage(after name: String) -> StatusStage? {
        guard let index = report.stages.firstIndex(where: { $0.name == name }) else { return nil }
        return index + 1 < report.stages.count ? report.stages[index + 1] : nil
    }

    /// Whether something else that is told already keeps a stage from taking events: nobody serves it, somebody has
    /// paused it, or the next one takes no more.
    func isExplained(_ stage: StatusStage) -> Bool {
        stage.paused > 0 || stage.served == 0 || self.stage(after: stage.name)?.lanes.contains(where: isFull) == true
    }
}
