package com.cloudbees.hudson.plugins.folder

import com.cloudbees.hudson.plugins.folder.properties.FolderCredentialsProvider$FolderCredentialsProperty
import jenkins.model.Items

abstract class AbstractFolder {
    String name
    def parent
    String description
    String getFullName() { parent.respondsTo('getFullName') ? parent.fullName + '/' + name : name }
}

class Folder extends AbstractFolder {
    Properties properties = new Properties()
    private Items items = new Items(owner: this)
    void read(xml) { description = xml.description.text() }
    def getItem(String name) { items.getItem(name) }
    def createProjectFromXML(String name, InputStream xml) { items.createProjectFromXML(name, xml) }
    List allBelow() { items.all() }
    void removeItem(item) { items.remove(item) }
    void addProperty(property) { properties.kept << property }
}

class Properties {
    List kept = []
    def get(Class type) { kept.find { type.isInstance(it) } }
}
