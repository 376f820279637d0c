// Evaluates one script a line (base64), each in a shell of its own, and answers with one line of JSON.
import groovy.json.JsonOutput

System.in.eachLine('US-ASCII') { String line ->
    def answer
    try {
        answer = [value: new GroovyShell().evaluate(new String(line.decodeBase64(), 'UTF-8'))]
        answer.type = answer.value?.class?.name
    } catch (Throwable problem) {
        answer = [error: problem.toString()]
    }
    println JsonOutput.toJson(answer)
    System.out.flush()
}
