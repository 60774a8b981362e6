internal import Redis

/// What a get of a queue or job feed has taken.
struct TakenItem: Sendable, Equatable {
    let id: [UInt8]
    let bytes: [UInt8]
    /// Of a job's claim; empty for a queue.
    var token = ""
    var cancelled = 0

    /// Reads the reply of `thoonk_queue_get`.
    static func queue(_ reply: RedisValue) -> [TakenItem] {
        let flat = reply.array ?? []
        return stride(from: 0, to: flat.count - 1, by: 2).map { index in
            TakenItem(id: flat[index].bytes ?? [], bytes: flat[index + 1].bytes ?? [])
        }
    }

    /// Reads the reply of `thoonk_job_get`: the jobs, and the ms until the next claim ends, nil when none does.
    static func jobs(_ reply: RedisValue) -> (items: [TakenItem], wait: Int64?) {
        let flat = reply.array ?? []
        let wait = flat.first?.integer ?? -1
        let items = stride(from: 1, to: flat.count - 3, by: 4).map { index in
            TakenItem(
                id: flat[index].bytes ?? [], bytes: flat[index + 3].bytes ?? [], token: flat[index + 1].text ?? "",
                cancelled: Int(flat[index + 2].integer ?? 0))
        }
        return (items, wait < 0 ? nil : wait)
    }
}
