// Where the site's log tables and metrics go.

@description('Name of the diagnostic setting.')
param name string

@description('Name of the site.')
param siteName string

@description('Resource ID of the workspace.')
param workspaceId string

resource site 'Microsoft.Web/sites@2024-11-01' existing = {
  name: siteName
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: name
  scope: site
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
