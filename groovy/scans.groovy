// The queue of scans that are to be asked for, one after the other within a budget of calls to GitHub. There is one in a
// Jenkins, in its servlet context, for the first scans of the seed's jobs and for those that a reconciliation asks for: both
// add to it, so that the budget holds for all together. It is a map of Java's own classes, as each script that uses it has
// classes of its own.
//
// This text is part of the stage githubrepos, and is sent by itself with a call of askForScans behind it. Of Jenkins' classes
// it names `Jenkins` alone; the others it looks for, as a stage may be compiled where they are not.

/** The field in which a trigger has its job; a periodic one without does nothing when its time comes. */
def triggerJob() {
    def field = Class.forName('hudson.triggers.Trigger', true, Jenkins.get().pluginManager.uberClassLoader).getDeclaredField('job')
    field.accessible = true
    return field
}

/**
 * Stops a job's own periodic scans until its first one is asked for. A job that was never scanned is always due: of 1,000 with
 * a daily scan 250 would ask for it in the first hour by themselves, with an hourly one all of them within 15 minutes.
 * This is in memory only: nothing is stored, and a job whose definition is written anew has its trigger back.
 */
void holdTriggers(job) {
    job.triggers.values().each { triggerJob().set(it, null) }
}

void releaseTriggers(job) {
    job.triggers.values().each { triggerJob().set(it, job) }
}

/** Whether an item has sources to scan, and is not disabled. */
boolean canBeScanned(item) {
    return item != null && item.respondsTo('getSCMSources') && !item.disabled
}

/** The queue of this Jenkins; whoever reads or changes it holds its monitor. `waiting` is by a job's full name. */
Map scanQueue() {
    def context = Jenkins.get().servletContext
    Map queue = context.getAttribute('jenkins-bootstrap.scans')
    if (queue == null) {
        queue = [waiting: new LinkedHashMap(), batches: new LinkedHashSet(), asked: 0, total: 0, last: 0L, task: null]
        context.setAttribute('jenkins-bootstrap.scans', queue)
    }
    return queue
}

/**
 * The next scan of the queue. Those that are gone or disabled are passed over, as is a first scan that a push or a person has
 * asked for meanwhile: they cost no call, and no turn.
 */
void askForNext(Map queue, long pause, Closure say) {
    synchronized (queue) {
        while (!queue.waiting.isEmpty()) {
            String path = queue.waiting.keySet().iterator().next()
            boolean first = queue.waiting.remove(path) == 'first'
            boolean asked = false
            try {
                def job = Jenkins.get().getItemByFullName(path)
                if (job != null && job.respondsTo('getSCMSources')) {
                    releaseTriggers(job)
                    if (!job.disabled && !(first && job.computation.result != null)) {
                        job.scheduleBuild()
                        asked = true
                    }
                }
            } catch (Throwable problem) {
                say("jenkins-bootstrap: the scan of ${path} could not be asked for: ${problem}", true)
            }
            queue.asked = queue.asked + 1
            int left = queue.waiting.size()
            if (queue.asked == 1 || queue.asked % 100 == 0 || left == 0) {
                say("jenkins-bootstrap: ${queue.asked} of ${queue.total} scans asked for, ${(left * pause).intdiv(60_000L)} minutes to go", false)
            }
            if (asked) {
                queue.last = System.currentTimeMillis()
                return
            }
        }
        queue.task?.cancel(false)
        queue.task = null
    }
}

/**
 * Adds jobs to the queue and sees that it is worked off, one every `pause` ms, the first not before `delay` ms. What waits
 * already keeps its place. `first` means that a job needs the scan only when it has had none. A `batch` that has come
 * already is not added again: its answer was lost. `say` gets words and whether they are a warning.
 * Returns how many were added, how many wait now, and how many are gone, disabled or have no source.
 */
Map askForScans(List paths, boolean first, String batch, long pause, long delay, Closure say) {
    Map queue = scanQueue()
    int added = 0
    int passed = 0
    synchronized (queue) {
        if (batch == null || queue.batches.add(batch)) {
            if (queue.waiting.isEmpty()) {
                queue.asked = 0
                queue.total = 0
            }
            paths.each { String path ->
                def job = Jenkins.get().getItemByFullName(path)
                if (!canBeScanned(job)) {
                    passed++
                } else if (queue.waiting.containsKey(path)) {
                    queue.waiting[path] = first ? queue.waiting[path] : 'always'
                } else {
                    if (job.computation.result == null) {
                        holdTriggers(job)
                    }
                    queue.waiting[path] = first ? 'first' : 'always'
                    added++
                }
            }
            queue.total = queue.total + added
            while (queue.batches.size() > 100) {
                queue.batches.remove(queue.batches.iterator().next())
            }
        }
        // Made anew each time, as the pause may be another: it goes on when it would have gone on.
        queue.task?.cancel(false)
        queue.task = null
        if (!queue.waiting.isEmpty()) {
            long wait = Math.max(delay, queue.last + pause - System.currentTimeMillis())
            Closure next = { askForNext(queue, pause, say) }
            queue.task = Class.forName('jenkins.util.Timer', true, Jenkins.get().pluginManager.uberClassLoader).get().scheduleAtFixedRate(next as Runnable, wait, pause, java.util.concurrent.TimeUnit.MILLISECONDS)
        }
        if (added) {
            say("jenkins-bootstrap: ${added} scans more to ask for, ${queue.waiting.size()} in all, one every ${pause} ms", false)
        }
        return [added: added, waiting: queue.waiting.size(), passed: passed]
    }
}
