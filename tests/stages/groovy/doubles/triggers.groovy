package hudson.triggers

class Trigger {
    private transient job
    Trigger(job) { this.job = job }
    boolean works() { job != null }
}
