package org.jenkinsci.plugins.workflow.multibranch

class WorkflowMultiBranchProject extends jenkins.branch.MultiBranchProject {}
