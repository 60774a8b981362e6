import Redis
import Store

/// What the server holds, read without a part in it.
extension World {
    package func snapshot() -> ServerSnapshot {
        if isSnapshotCurrent { return lastSnapshot }
        isSnapshotCurrent = true
        let time = World.dayStart + now + clockOffset
        let before = lastSnapshot.serverTime
        // While only time passes nothing changes but what expires.
        let hasChanged = hasToLook && server.look()
        hasToLook = false
        if hasChanged || server.survey.hasExpiry(between: before, and: time) {
            lastSnapshot = server.survey.snapshot(at: time, epoch: layout.epoch, config: layout.config)
            dataVersion += 1
        } else {
            lastSnapshot.serverTime = time
        }
        return lastSnapshot
    }
}
