// Binds by name, stricter than the plugin structs: what it passes over (an unknown key, a missing required one) fails here. The
// parameters are those of the table a boot is given (`tables`); a class of ours that is not in it says them itself.
package org.jenkinsci.plugins.structs.describable

class DescribableModel {
    static Map tables = [:]
    /** What was made, in order: the class and the kinds of the values. */
    static List made = []
    /** A class's name to what its making throws. */
    static Map throwing = [:]
    Class type
    List<DescribableParameter> parameters

    static DescribableModel of(Class type) {
        Map own = type.declaredFields.any { it.name == 'PARAMETERS' } ? type.PARAMETERS.collectEntries { String name, Class kind -> [(name): kind] } : null
        List table = tables[type.name]
        if (java.lang.reflect.Modifier.isAbstract(type.modifiers) || (own == null && table == null)) {
            throw new IllegalArgumentException("There's no @DataBoundConstructor on any constructor of ${type}")
        }
        Map known = table == null ? own : table.collectEntries { String text -> [(text.split(': ')[0]): classOf(text.split(': ')[1])] }
        if (own != null && own.keySet() != known.keySet()) {
            throw new AssertionError("the double of ${type.name} has ${own.keySet()}, its table ${known.keySet()}" as Object)
        }
        new DescribableModel(type: type, parameters: known.collect { String name, Class kind -> new DescribableParameter(name: name - '?', required: !name.startsWith('?'), erasedType: kind) })
    }

    static Class classOf(String name) {
        if (name.endsWith('[]')) return java.lang.reflect.Array.newInstance(classOf(name[0..-3]), 0).class
        [boolean: boolean, int: int, long: long][name] ?: Class.forName(name, false, tables.loader)
    }

    def instantiate(Map values, listener) {
        if (throwing[type.name]) throw throwing[type.name]
        def one = type.newInstance()
        values.each { String name, value ->
            DescribableParameter parameter = parameters.find { it.name == name }
            if (parameter == null) throw new AssertionError("${type.name} has no ${name}" as Object)
            Class kind = parameter.erasedType
            def given = kind.isEnum() && value instanceof CharSequence ? Enum.valueOf(kind, value as String) : value instanceof GString ? value as String : value
            if (given == null ? kind.primitive : !boxed(kind).isInstance(given)) throw new ClassCastException("${type.name}.${name} takes ${kind.name}, not ${given?.class?.name}")
            one[name] = given
        }
        List absent = parameters.findAll { it.required && !values.containsKey(it.name) }*.name
        if (absent) throw new AssertionError("${type.name} lacks ${absent}" as Object)
        made << [type.name, values.collectEntries { name, value -> [(name): value?.class?.simpleName] }]
        one
    }

    static Class boxed(Class kind) { [(boolean): Boolean, (int): Integer, (long): Long][kind] ?: kind }
}

class DescribableParameter {
    String name
    boolean required
    Class erasedType
}
