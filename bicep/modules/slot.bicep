// A slot beside production, with its own settings and its own rows in the log tables.

@description('Name of the site.')
param siteName string

@description('Name of the slot.')
@minLength(2)
@maxLength(59)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Resource ID of the plan.')
param planId string

@description('What runs: a built-in image, or DOCKER| and the name of an image.')
param runtime string

@description('The startup command.')
param startupCommand string

@description('Application settings as an object of names and values; they hold the lab\'s key.')
@secure()
param settings object

@description('Path of the health check; empty for none.')
param healthCheckPath string

@description('Whether the platform keeps the slot loaded.')
param alwaysOn bool

@description('Rules by which the platform recycles the container; empty for none.')
param autoHealRules object

@description('The range of addresses that may reach the slot.')
param deployerAddress string

@description('Resource ID of the identity that pulls the image; empty for none.')
param identityId string = ''

@description('Client ID of that identity.')
param identityClientId string = ''

@description('Name of the diagnostic setting.')
param diagnosticsName string

@description('Resource ID of the workspace.')
param workspaceId string

resource site 'Microsoft.Web/sites@2024-11-01' existing = {
  name: siteName
}

resource slot 'Microsoft.Web/sites/slots@2024-11-01' = {
  parent: site
  name: name
  location: location
  tags: tags
  kind: startsWith(runtime, 'DOCKER|') ? 'app,linux,container' : 'app,linux'
  identity: empty(identityId) ? null : {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: planId
    reserved: true
    httpsOnly: true
    clientAffinityEnabled: false
    siteConfig: {
      linuxFxVersion: runtime
      appCommandLine: startupCommand
      alwaysOn: alwaysOn
      autoHealEnabled: !empty(autoHealRules)
      autoHealRules: empty(autoHealRules) ? null : autoHealRules
      healthCheckPath: empty(healthCheckPath) ? null : healthCheckPath
      ftpsState: 'Disabled'
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      acrUseManagedIdentityCreds: !empty(identityId)
      acrUserManagedIdentityID: empty(identityId) ? null : identityClientId
      ipSecurityRestrictionsDefaultAction: 'Deny'
      ipSecurityRestrictions: [
        {
          name: 'deployer'
          description: 'Whoever deployed the lab, and nobody else'
          ipAddress: deployerAddress
          action: 'Allow'
          priority: 100
        }
      ]
      scmIpSecurityRestrictionsUseMain: true
      appSettings: [for setting in items(settings): {
        name: setting.key
        value: setting.value
      }]
    }
  }
}

resource ftpPasswords 'Microsoft.Web/sites/slots/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: slot
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmPasswords 'Microsoft.Web/sites/slots/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: slot
  name: 'scm'
  properties: {
    allow: false
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: diagnosticsName
  scope: slot
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AppServiceHTTPLogs'
        enabled: true
      }
      {
        category: 'AppServiceConsoleLogs'
        enabled: true
      }
      {
        category: 'AppServicePlatformLogs'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

output defaultHostName string = slot.properties.defaultHostName
