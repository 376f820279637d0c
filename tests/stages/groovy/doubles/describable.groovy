// Binds by name as the plugin structs does, and is as forgiving: unknown keys are dropped, missing ones stay null.
package org.jenkinsci.plugins.structs.describable

class DescribableModel {
    Class type
    List<DescribableParameter> parameters
    static DescribableModel of(Class type) {
        new DescribableModel(type: type, parameters: type.PARAMETERS.collect { String name, Class kind ->
            new DescribableParameter(name: name - '?', required: !name.startsWith('?'), erasedType: kind)
        })
    }
    def instantiate(Map values, listener) {
        def made = type.newInstance()
        values.each { name, value ->
            DescribableParameter parameter = parameters.find { it.name == name }
            if (parameter != null && value != null) {
                made[name] = parameter.erasedType.isEnum() && value instanceof CharSequence ? Enum.valueOf(parameter.erasedType, value as String) : value
            }
        }
        made
    }
}

class DescribableParameter {
    String name
    boolean required
    Class erasedType
}
