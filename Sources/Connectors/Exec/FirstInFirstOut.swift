/// A queue in memory: takes at one end, gives at the other, each in constant time.
struct FirstInFirstOut<Element> {
    private var elements: [Element] = []
    /// Elements before this have been given; they are cleared away when they are half of all.
    private var head = 0

    var isEmpty: Bool { head == elements.count }
    var count: Int { elements.count - head }
    var first: Element? { isEmpty ? nil : elements[head] }

    mutating func append(_ element: Element) {
        elements.append(element)
    }

    mutating func removeFirst() {
        head += 1
        guard head * 2 >= elements.count else { return }
        elements.removeFirst(head)
        head = 0
    }

    mutating func removeAll() {
        self = FirstInFirstOut()
    }

    mutating func removeAll(where isGone: (Element) -> Bool) {
        elements = filter { !isGone($0) }
        head = 0
    }

    mutating func prepend(_ earlier: [Element]) {
        elements = earlier + elements[head...]
        head = 0
    }

    /// Changes each element in place.
    mutating func update(_ change: (inout Element) -> Void) {
        for index in elements.indices.dropFirst(head) { change(&elements[index]) }
    }

    mutating func updateLast(_ change: (inout Element) -> Void) {
        guard !isEmpty else { return }
        change(&elements[elements.count - 1])
    }

    func filter(_ stays: (Element) -> Bool) -> [Element] {
        elements[head...].filter(stays)
    }

    /// The elements up to the first that does not satisfy the condition.
    func prefix(while isWanted: (Element) -> Bool) -> [Element] {
        Array(elements[head...].prefix(while: isWanted))
    }
}
