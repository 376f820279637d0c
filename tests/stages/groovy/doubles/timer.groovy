package jenkins.util

import java.util.concurrent.TimeUnit

/** Its clock is the test's: `tick` runs once all that is planned. */
class Timer {
    private static final Planned PLANNED = new Planned()
    static Planned get() { PLANNED }
}

class Planned {
    List tasks = []
    def scheduleAtFixedRate(Runnable task, long delay, long pause, TimeUnit unit) {
        def made = new Task(work: task, delay: delay, pause: pause, unit: unit)
        tasks.add(made)
        made
    }
    void tick() { tasks.findAll { !it.cancelled }.each { it.work.run() } }
}

class Task {
    Runnable work
    long delay
    long pause
    TimeUnit unit
    boolean cancelled
    boolean cancel(boolean interrupt) { cancelled = true }
}
