// One scenario's target on App Service for Linux: a plan, a site with its slots, and a workspace
// that gets the three log tables. What differs between scenarios comes from
// parameters/SCENARIO.parameters.json, which is written from the catalogue.
targetScope = 'resourceGroup'

@description('Part of the name of every resource.')
@minLength(3)
@maxLength(32)
param baseName string

@description('Region of all resources.')
param location string = resourceGroup().location

@description('The scenario that is played here; a tag of every resource.')
param scenario string

@description('The day after which all of this can be deleted, as YYYY-MM-DD; a tag of every resource.')
@minLength(10)
@maxLength(10)
param expiry string

@description('Who may reach the site and its deployment endpoint: one range of addresses, such as 203.0.113.7/32.')
@minLength(9)
param deployerAddress string

@description('The key without which no fault can be triggered: the value of the header x-lab-key.')
@secure()
@minLength(16)
param labKey string

@description('SKU of the plan. Slots need S1 or above.')
@allowed([
  'B1'
  'S1'
  'P1v3'
])
param planSku string = 'B1'

@description('The startup command of production and of every slot.')
param startupCommand string

@description('Names of the slots beside production.')
param slotNames array = []

@description('Application settings by slot: an object for production and for each name in slotNames.')
param appSettings object = {
  production: {}
}

@description('Names of the settings that stay with their slot in a swap.')
param stickySettings array = []

@description('Path of the platform\'s health check; empty for none, as in the labs.')
param healthCheckPath string = ''

@description('Whether the platform keeps the site loaded by asking for / every five minutes.')
param alwaysOn bool = false

@description('Rules by which the platform recycles the container; empty for none.')
param autoHealRules object = {}

@description('The built-in image that runs the package.')
param builtInImage string = 'PYTHON|3.11'

@description('A container image to run instead of a package on the built-in image, such as REGISTRY/labrat:0.2.0.')
param containerImage string = ''

@description('Whether to create a registry for the image, and an identity that may pull from it.')
param createRegistry bool = false

@description('Whether to create an alert on answers of 5xx.')
param createAlerts bool = false

// With the location: what is half made in a region without quota does not stand in the way in the next.
var uniqueSuffix = uniqueString(resourceGroup().id, location)
var siteName = 'app-${baseName}-${uniqueSuffix}'
var tags = {
  application: 'labrat'
  scenario: scenario
  expiry: expiry
}

// The package holds a binary that is ready: nothing is built on the server.
var packageSettings = {
  SCM_DO_BUILD_DURING_DEPLOYMENT: 'false'
  ENABLE_ORYX_BUILD: 'false'
}
var containerSettings = {
  WEBSITES_PORT: '8000'
  WEBSITES_ENABLE_APP_SERVICE_STORAGE: 'false'
}
var commonSettings = union(
  empty(containerImage) ? packageSettings : containerSettings,
  {
    LAB_KEY: labKey
  }
)

module plan 'modules/plan.bicep' = {
  name: 'plan'
  params: {
    name: 'asp-${baseName}-${uniqueSuffix}'
    location: location
    tags: tags
    skuName: planSku
  }
}

module workspace 'modules/workspace.bicep' = {
  name: 'workspace'
  params: {
    name: 'log-${baseName}-${uniqueSuffix}'
    location: location
    tags: tags
  }
}

module registry 'modules/registry.bicep' = if (createRegistry) {
  name: 'registry'
  params: {
    name: 'acr${replace(toLower(baseName), '-', '')}${uniqueSuffix}'
    identityName: 'id-${baseName}-${uniqueSuffix}'
    location: location
    tags: tags
  }
}

module site 'modules/site.bicep' = {
  name: 'site'
  params: {
    name: siteName
    location: location
    tags: tags
    planId: plan.outputs.id
    runtime: empty(containerImage) ? builtInImage : 'DOCKER|${containerImage}'
    startupCommand: startupCommand
    settings: union(appSettings.production, commonSettings)
    stickySettings: stickySettings
    healthCheckPath: healthCheckPath
    autoHealRules: autoHealRules
    alwaysOn: alwaysOn
    deployerAddress: deployerAddress
    identityId: createRegistry ? registry!.outputs.identityId : ''
    identityClientId: createRegistry ? registry!.outputs.identityClientId : ''
  }
}

module siteDiagnostics 'modules/site-diagnostics.bicep' = {
  name: 'site-diagnostics'
  params: {
    name: 'diag-prod-${baseName}-${uniqueSuffix}'
    siteName: site.outputs.name
    workspaceId: workspace.outputs.id
  }
}

module slots 'modules/slot.bicep' = [for slotName in slotNames: {
  name: 'slot-${slotName}'
  params: {
    siteName: site.outputs.name
    name: slotName
    location: location
    tags: tags
    planId: plan.outputs.id
    runtime: empty(containerImage) ? builtInImage : 'DOCKER|${containerImage}'
    startupCommand: startupCommand
    settings: union(appSettings[slotName], commonSettings)
    healthCheckPath: healthCheckPath
    autoHealRules: autoHealRules
    alwaysOn: alwaysOn
    deployerAddress: deployerAddress
    identityId: createRegistry ? registry!.outputs.identityId : ''
    identityClientId: createRegistry ? registry!.outputs.identityClientId : ''
    diagnosticsName: 'diag-${slotName}-${baseName}-${uniqueSuffix}'
    workspaceId: workspace.outputs.id
  }
}]

module alerts 'modules/alerts.bicep' = if (createAlerts) {
  name: 'alerts'
  params: {
    name: 'alert-${baseName}-${uniqueSuffix}'
    tags: tags
    siteId: site.outputs.id
  }
}

output appServicePlanName string = plan.outputs.name
output webAppName string = site.outputs.name
output webAppDefaultHostName string = site.outputs.defaultHostName
output productionDefaultHostName string = site.outputs.defaultHostName
output slotDefaultHostNames array = [for (slotName, index) in slotNames: slots[index].outputs.defaultHostName]
output stagingDefaultHostName string = contains(slotNames, 'staging') ? slots[indexOf(slotNames, 'staging')].outputs.defaultHostName : ''
output logAnalyticsWorkspaceName string = workspace.outputs.name
output logAnalyticsWorkspaceResourceId string = workspace.outputs.id
output logAnalyticsWorkspaceCustomerId string = workspace.outputs.customerId
output registryLoginServer string = createRegistry ? registry!.outputs.loginServer : ''
