// The plan: the machine that the site and its slots share.

@description('Name of the plan.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('SKU.')
@allowed([
  'B1'
  'S1'
  'P1v3'
])
param skuName string

var tiers = {
  B1: 'Basic'
  S1: 'Standard'
  P1v3: 'PremiumV3'
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: name
  location: location
  tags: tags
  kind: 'linux'
  sku: {
    name: skuName
    tier: tiers[skuName]
    size: skuName
    // One instance: what one worker holds must not be hidden behind a second machine.
    capacity: 1
  }
  properties: {
    reserved: true
  }
}

output id string = plan.id
output name string = plan.name
